#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "lock/queue.h"

namespace tidelock::lock {

// Data that a lock protects, in memory that processes share, and that shows in several ways when it
// does not:
// - `inside` names who is inside. Whoever comes and finds a name has been told of a death, and the
//   one named was sentenced before.
// - `count` is incremented by load and store, so that two at a time lose one; `mirror` is behind it
//   only after a death; `visits` is what each visitor counted for itself.
// - `journal` holds when each visit began and ended, for an IntervalChecker in another process.
struct GuardedData {
  static constexpr std::uint32_t kVisitorsMax = 1 << 16;
  static constexpr std::size_t kJournalLength = 1 << 18;

  struct Interval {
    std::atomic<std::uint64_t> number{0};  // what `count` rose to; 0: being written
    std::atomic<std::int64_t> entered_ns{0};
    std::atomic<std::int64_t> left_ns{0};
  };

  std::atomic<std::uint32_t> inside{0};  // 1 + the visitor
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> mirror{0};
  std::atomic<std::uint32_t> violations{0};
  std::array<std::atomic<std::int64_t>, kVisitorsMax> sentenced_ns{};  // 0: is to live
  std::array<std::atomic<std::uint64_t>, kVisitorsMax> visits{};
  std::array<Interval, kJournalLength> journal{};

  static std::int64_t now_ns() { return os::monotonic_now().count(); }

  // The visitor is about to be killed, or may kill itself from now on.
  void sentence(std::uint32_t visitor) { sentenced_ns[visitor].store(now_ns()); }

  // One visit. Each visitor has a number of its own, never used again.
  void visit(Guard& guard, std::uint32_t visitor, std::chrono::nanoseconds stay = {}) {
    const std::int64_t entered_ns = now_ns();
    const bool told = guard.inconsistent();
    const std::uint32_t found = inside.exchange(visitor + 1);
    if (found != 0 && !(told && died(found - 1, entered_ns))) violations.fetch_add(1);
    if (count.load() != mirror.load() && !told) violations.fetch_add(1);
    if (told) {
      mirror.store(count.load());
      guard.mark_consistent();
    }
    const std::uint64_t number = count.load(std::memory_order_relaxed) + 1;
    count.store(number, std::memory_order_relaxed);
    if (stay.count() != 0) os::sleep_for(stay);
    for (int i = 0; i < 20; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
    mirror.store(mirror.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    visits[visitor].store(visits[visitor].load(std::memory_order_relaxed) + 1);
    Interval& interval = journal[number % kJournalLength];
    interval.number.store(0);
    interval.entered_ns.store(entered_ns);
    interval.left_ns.store(now_ns());
    interval.number.store(number);
    if (inside.exchange(0) != visitor + 1) violations.fetch_add(1);
  }

 private:
  // A dead visitor's stay ends when it is killed: nobody else's may have begun before that.
  [[nodiscard]] bool died(std::uint32_t visitor, std::int64_t before_ns) const {
    const std::int64_t sentenced = sentenced_ns[visitor].load();
    return sentenced != 0 && sentenced <= before_ns;
  }
};

// Compares the intervals in the journal, each with the one before, from outside of the lock. To be
// asked more often than the journal goes round. Those of visitors who died inside are missing:
// their successors compare them.
class IntervalChecker {
 public:
  explicit IntervalChecker(GuardedData& data) : data_(data) {}

  // All visits that have ended since the last call; the latest one is left for the next.
  void compare() {
    for (const std::uint64_t end = data_.count.load(); next_ < end; ++next_) {
      const GuardedData::Interval& interval = data_.journal[next_ % GuardedData::kJournalLength];
      const std::uint64_t before = interval.number.load();
      const std::int64_t entered_ns = interval.entered_ns.load();
      const std::int64_t left_ns = interval.left_ns.load();
      if (before != next_ || interval.number.load() != next_) continue;
      if (entered_ns < last_left_ns_ || left_ns < entered_ns) data_.violations.fetch_add(1);
      last_left_ns_ = left_ns;
      ++compared_;
    }
  }
  [[nodiscard]] std::uint64_t compared() const { return compared_; }

 private:
  GuardedData& data_;
  std::uint64_t next_ = 1;
  std::int64_t last_left_ns_ = 0;
  std::uint64_t compared_ = 0;
};

}  // namespace tidelock::lock
