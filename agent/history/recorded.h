#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/history/violation.h"
#include "agent/journal.h"
#include "agent/read_log.h"

namespace tidelock::agent::history {

// A put or an erase that may have happened. The operations of a batch follow each other.
struct Write {
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;  // of an unanswered one its latest effect; UINT64_MAX: unknown
  std::size_t batch = 0;     // index of the first operation of its batch
  std::uint32_t batch_size = 1;
  std::uint32_t key = 0;
  OperationKind kind = OperationKind::kPut;
  bool answered = false;
  bool refused = false;
  bool seen = false;  // by some read; or another one of its batch was
  OperationId id{};

  [[nodiscard]] bool happened() const noexcept { return !refused && (answered || seen); }
};

constexpr std::size_t kNothing = SIZE_MAX, kBefore = SIZE_MAX - 1;  // in place of a write

struct Read {
  std::size_t write = kNothing;  // what it found: index of a put, or one of the above
  std::uint32_t key = 0;
  std::uint32_t point = 0;
  ReadingId id{};
};

// One point in the commit order at which somebody looked at one key or more.
struct Point {
  std::uint64_t begin_ns = 0;  // or that of the latest write that was found there, if it is later
  std::uint64_t end_ns = 0;
  std::uint64_t sequence = Reading::kNoSequence;
  ReadingId first{};  // of its readings

  [[nodiscard]] bool is_snapshot() const noexcept { return sequence != Reading::kNoSequence; }
};

// Indices by what they belong to: all of one owner lie together.
class Grouping {
 public:
  template <typename Items, typename Owner>
  Grouping(const Items& items, std::size_t owners, Owner owner) : begins_(owners + 1) {
    for (const auto& item : items) ++begins_[owner(item) + 1];
    for (std::size_t i = 0; i < owners; ++i) begins_[i + 1] += begins_[i];
    members_.resize(items.size());
    std::vector<std::size_t> next(begins_.begin(), begins_.end() - 1);
    for (std::size_t i = 0; i < items.size(); ++i) members_[next[owner(items[i])]++] = i;
  }
  [[nodiscard]] std::span<const std::size_t> of(std::size_t owner) const noexcept {
    return std::span(members_).subspan(begins_[owner], begins_[owner + 1] - begins_[owner]);
  }

 private:
  std::vector<std::size_t> begins_;
  std::vector<std::size_t> members_;
};

// All that was asked and all that was read in a run, when it is over. Immutable.
class Recorded {
 public:
  // A value of a refused write, or of none, is a violation; the read is left out.
  Recorded(std::span<const Journal> journals, std::span<const ReadLog> logs,
           std::uint32_t key_count, Violations& violations);

  [[nodiscard]] std::uint32_t key_count() const noexcept { return key_count_; }
  [[nodiscard]] std::span<const Write> writes() const noexcept { return writes_; }
  [[nodiscard]] std::span<const Read> reads() const noexcept { return reads_; }
  [[nodiscard]] std::span<const Point> points() const noexcept { return points_; }
  // Indices.
  [[nodiscard]] std::span<const std::size_t> writes_of(std::uint32_t key) const noexcept {
    return writes_of_key_.of(key);
  }
  [[nodiscard]] std::span<const std::size_t> reads_of(std::uint32_t key) const noexcept {
    return reads_of_key_.of(key);
  }
  [[nodiscard]] std::span<const std::size_t> reads_at(std::size_t point) const noexcept {
    return reads_of_point_.of(point);
  }

 private:
  struct Gathered;
  Recorded(Gathered gathered, std::uint32_t key_count);

  std::uint32_t key_count_;
  std::vector<Write> writes_;
  std::vector<Point> points_;
  std::vector<Read> reads_;
  Grouping writes_of_key_, reads_of_key_, reads_of_point_;
};

}  // namespace tidelock::agent::history
