#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "memtable/arena.h"
#include "tidelock/status.h"

namespace tidelock::memtable {

// Walks the keys of the tree in order, both ways, while a writer inserts. It stays in the nodes it
// came through even when the writer replaces them (N5), so it meets every key that was there when
// it was positioned, exactly once; keys inserted later it may meet or miss. Each key met must lie
// beyond the one before: a walk through damage ends, with `status`.
//
// Used by one thread at a time. Keeps a step for each node on the way, so as many as the key has
// bytes at most.
class TreeCursor {
 public:
  struct Step {
    const Node* node;
    int place;  // taken in that node
  };

  explicit TreeCursor(ArenaView arena) noexcept : arena_(arena) {}

  void seek_first();
  void seek_last();
  void seek(std::string_view key);  // to the first key >= `key`

  // No effect when there is no entry.
  void next();
  void previous();

  // The newest version of the current key; null before the first seek, beyond both ends and after
  // damage.
  [[nodiscard]] const Entry* entry() const noexcept { return entry_; }
  // kOk, or why the walk ended. A seek begins anew.
  [[nodiscard]] const Status& status() const noexcept { return status_; }
  // The nodes on the way to the entry, from the root.
  [[nodiscard]] std::span<const Step> path() const noexcept { return path_; }

 private:
  enum class Direction : std::uint8_t { kForward, kBackward };

  void restart();
  void step(Direction direction);
  void descend(Ref ref, Direction direction);
  const Node* enter(Ref ref);
  void prefetch_children(const Node& node) const;
  void prefetch_behind(const Node& node, int place, Direction direction) const;
  void arrive(Ref ref, Direction direction);
  void fail(Ref ref, std::string_view what);

  ArenaView arena_;
  std::vector<Step> path_;
  const Entry* entry_ = nullptr;
  Status status_;
};

}  // namespace tidelock::memtable
