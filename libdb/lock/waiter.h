#pragma once

#include <chrono>
#include <cstdint>

#include "lock/arbiter.h"
#include "lock/ring.h"
#include "os/clock.h"

// One thread's wait for the lock, from joining the queue to getting the lock or giving up.
namespace tidelock::lock {

// How long one has seen the same word, with no acquisition in between, by one's own clock.
class Watch {
 public:
  std::chrono::nanoseconds stood(LockWord word, std::uint64_t acquired,
                                 std::chrono::nanoseconds now) noexcept {
    if (word != word_ || acquired != acquired_ || since_.count() == 0) {
      word_ = word;
      acquired_ = acquired;
      since_ = now;
    }
    return now - since_;
  }

 private:
  LockWord word_;
  std::uint64_t acquired_ = 0;
  std::chrono::nanoseconds since_{0};
};

// Lives on the stack of `Queue::acquire`. What it does, over and over (Q5, Q6, Q8): see that its
// entry still waits; look at the lock word and take it, if it may; after a slice, judge whoever
// stands in the way; rest. Giving up: leave the queue first, then look at the word and decline what
// was offered meanwhile. A death leaves an entry that the others step over or recycle.
class Waiter {
 public:
  struct Facts {
    std::chrono::nanoseconds waited{0};
    std::uint64_t overtaken = 0;  // acquisitions by others that came later
    std::uint32_t place = 0;      // at the end: 1 = next, 0 = the ring was full
    std::uint32_t waiters = 0;    // at the end, this one included
    bool recovered = false;       // took over from a dead holder
  };

  Waiter(QueueFile& file, Ring& ring, Arbiter& arbiter, Members& members,
         const Discipline& discipline) noexcept;

  // True: this member holds the lock. False: the deadline passed, and no trace of it is left.
  [[nodiscard]] bool wait(const os::Deadline& deadline) noexcept;
  [[nodiscard]] const Facts& facts() const noexcept { return facts_; }

 private:
  enum class Step : std::uint8_t { kMine, kLookAgain, kRest };

  void join() noexcept;
  [[nodiscard]] Step look() noexcept;
  [[nodiscard]] Step look_at_free(LockWord word) noexcept;
  [[nodiscard]] Step judge(LockWord word) noexcept;
  [[nodiscard]] bool ought_to_ask() noexcept;
  [[nodiscard]] bool overtaken() const noexcept;
  [[nodiscard]] std::chrono::nanoseconds may_ask_after() const noexcept;
  void rest(const os::Deadline& deadline) noexcept;
  void rest_as_first(LockWord word, std::chrono::nanoseconds left) noexcept;
  void sleep(std::chrono::nanoseconds timeout) noexcept;
  [[nodiscard]] bool spin() noexcept;
  [[nodiscard]] bool glance() noexcept;
  [[nodiscard]] std::chrono::nanoseconds slice() const noexcept;
  [[nodiscard]] std::chrono::nanoseconds stood(LockWord word,
                                               std::chrono::nanoseconds now) noexcept;
  [[nodiscard]] bool worth_a_look(LockWord word) const noexcept;
  void finish() noexcept;
  void give_up() noexcept;
  void count_places() noexcept;

  QueueFile& file_;
  Ring& ring_;
  Arbiter& arbiter_;
  Members& members_;
  const bool strict_;
  const std::chrono::nanoseconds overtaking_max_;

  const std::chrono::nanoseconds started_;
  bool queued_ = false;
  std::uint64_t ticket_ = 0;
  std::uint64_t expected_before_ = 0;        // lock acquisitions that will not count as overtaking
  std::chrono::nanoseconds first_since_{0};  // since when it knows itself first; 0: is not
  std::uint64_t acquired_when_first_ = 0;    // lock acquisitions by then
  std::chrono::nanoseconds judged_at_;
  Watch watch_;
  Facts facts_;
};

}  // namespace tidelock::lock
