#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "agent/operation_id.h"

namespace tidelock::agent::history {

// A reading by its name: which log, which entry.
struct ReadingId {
  std::uint32_t log = 0;
  std::uint64_t index = 0;
};

// What a history shows that no store which keeps its promises can have done.
struct Violation {
  enum class Kind : std::uint8_t {
    kRefusedSeen = 0,  // a read found what a refused write, or none, wrote
    kNotYetBegun = 1,  // a read found a write that began after the read had ended
    kNoOrder = 2,      // no order of the writes and reads of a key agrees with the clock
    kNoErase = 3,      // nothing was found, and no erase can have come last
    kBackwards = 4,    // a later snapshot has a lower sequence number
    kUnstable = 5,     // one sequence number shows two things, or an overwritten value again
    kStale = 6,        // a read lacks what earlier snapshots prove to come before it
    kTooNew = 7,       // a read shows what later snapshots prove to come after it
    kHalfBatch = 8,    // a read shows a part of a batch without another
    kNoPlace = 9,      // snapshots prove that a batch came both before and after some point
  };
  static constexpr std::size_t kKinds = 10;
  static constexpr std::uint32_t kNoKey = UINT32_MAX;

  Kind kind = Kind::kNoOrder;
  std::uint32_t key = kNoKey;  // none: it is about snapshots as such
  // A few operations that contradict each other: no more than it takes.
  std::vector<OperationId> writes;
  std::vector<ReadingId> readings;
};

[[nodiscard]] constexpr const char* description(Violation::Kind kind) noexcept {
  constexpr const char* kTexts[Violation::kKinds] = {
      "a value that was refused, or never written, was read",
      "a value was read before its write began",
      "no order of writes and reads agrees with the clock",
      "nothing was found, though no erase can have come last",
      "a later snapshot has a lower sequence number",
      "one point in the commit order shows two things, or an overwritten value again",
      "a read lacks a write that comes before it",
      "a read shows a write that comes after it",
      "a read shows a part of a batch without the rest",
      "a batch has no place in the commit order"};
  return kTexts[static_cast<std::size_t>(kind)];
}

// Counts all, keeps the first few of each kind.
class Violations {
 public:
  void add(Violation violation) {
    std::uint64_t& count = counts_[static_cast<std::size_t>(violation.kind)];
    if (count++ < kKeptOfAKind) kept_.push_back(std::move(violation));
  }
  [[nodiscard]] std::uint64_t count(Violation::Kind kind) const noexcept {
    return counts_[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] std::uint64_t count() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : counts_) sum += count;
    return sum;
  }
  [[nodiscard]] const std::vector<Violation>& kept() const noexcept { return kept_; }

 private:
  static constexpr std::uint64_t kKeptOfAKind = 3;
  std::uint64_t counts_[Violation::kKinds] = {};
  std::vector<Violation> kept_;
};

}  // namespace tidelock::agent::history
