#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "lsm/source.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// Merges sorted sources into one, both ways. Where several hold a key, the first of them (the
// newest) is seen and the others are passed over. Tombstones are seen.
//
// The sources lie in a binary heap ordered by (key, age) in the direction of travel. A change of
// direction repositions all of them at the current key.
class MergingIterator {
 public:
  // Newest first.
  explicit MergingIterator(std::vector<std::unique_ptr<Source>> sources);

  void seek_first();
  void seek_last();
  void seek(std::string_view key);
  void seek_before(std::string_view key);
  // Precondition for these: valid().
  void next();
  void prev();
  [[nodiscard]] std::string_view key() const { return top().key(); }
  [[nodiscard]] std::string_view value() const { return top().value(); }
  [[nodiscard]] bool tombstone() const { return top().tombstone(); }

  // False at the ends, and for good after an error in any source.
  [[nodiscard]] bool valid() const { return !heap_.empty() && status_.ok(); }
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  enum class Direction : std::uint8_t { kForward, kBackward };
  struct Entry {
    Source* source;
    std::uint32_t age;
    std::uint64_t head;    // the key's first bytes as a number: most comparisons end there
    std::string_view key;  // of the source, where it stands now
  };

  [[nodiscard]] const Source& top() const { return *heap_.front().source; }
  [[nodiscard]] bool before(const Entry& a, const Entry& b) const;
  void build(Direction direction);
  void sink(std::size_t index);
  [[nodiscard]] std::size_t runner_up() const;
  void advance(std::size_t index);
  void step();

  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<Entry> heap_;
  Direction direction_ = Direction::kForward;
  Status status_;
};

}  // namespace tidelock::lsm
