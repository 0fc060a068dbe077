#pragma once

#include <cstddef>
#include <cstdint>

#include "memtable/arena.h"
#include "tidelock/status.h"

namespace tidelock::memtable {

enum class Applied : std::uint8_t { kInserted, kAlreadyThere };

// Inserts into the tree, for the holder of the writer lock. An operation becomes visible by one
// store (N3): killed before it, the writer has changed nothing but taken some bytes; killed after
// it, the operation is there, and done again is skipped. The next insert settles the counters.
class TreeWriter {
 public:
  explicit TreeWriter(Arena arena) noexcept : arena_(arena) {}

  // kAlreadyThere: the newest version of the key has this sequence number or a higher one; nothing
  // changed. kLimit: no room, nothing changed. kCorruption: the tree is damaged on the way,
  // nothing changed. Precondition: sizes within kKeyBytesMax and kValueBytesMax.
  [[nodiscard]] Result<Applied> insert(const Operation& operation) const;

 private:
  // A reference in a node, or the root when `node` is null.
  struct Slot {
    Node* node = nullptr;
    int place = 0;
  };

  enum class Case : std::uint8_t {
    kEmptyTree,  // the slot is the root and refers to nothing
    kSameKey,    // the slot refers to the newest version of the key
    kFork,       // to a node or entry whose keys part from this one at byte `matched`
    kNewPlace,   // to a node that has nothing at `place`
  };

  // Where a key goes.
  struct Spot {
    Case what = Case::kEmptyTree;
    Slot slot{};                 // what to replace, and
    Ref ref = kNoRef;            // what it refers to
    int place = kTerminal;       // kNewPlace: of this key; kFork: of what was there before
    std::size_t matched = 0;     // kFork: first bytes of the key that are also those of the others
    std::uint64_t sequence = 0;  // kSameKey: of the newest version
  };

  [[nodiscard]] Result<Spot> locate(std::string_view key) const;
  [[nodiscard]] Result<Spot> compare_with_entry(std::string_view key, Spot spot) const;
  [[nodiscard]] std::uint64_t new_node_bytes(const Spot& spot) const noexcept;
  void publish(const Spot& spot, std::string_view key, Ref entry, std::byte* memory) const;
  void add_place(const Spot& spot, Ref entry, std::byte* memory) const;
  void fork(const Spot& spot, std::string_view key, Ref entry, std::byte* memory) const;
  void replace(const Slot& slot, Ref ref) const noexcept;
  [[nodiscard]] Counters counters_after(const Operation& operation, const Spot& spot,
                                        std::uint64_t node_size) const noexcept;
  [[nodiscard]] Status settle_for_a_dead_writer() const;

  Arena arena_;
};

}  // namespace tidelock::memtable
