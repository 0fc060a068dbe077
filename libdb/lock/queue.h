#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

#include "lock/arbiter.h"
#include "lock/discipline.h"
#include "lock/members.h"
#include "lock/ring.h"
#include "lock/sight.h"
#include "lock/waiter.h"
#include "os/byte_lock.h"
#include "os/clock.h"
#include "tidelock/lock_queue.h"
#include "tidelock/status.h"
#include "tidelock/wait.h"

// The lock queue: a fair, crash-safe lock between processes. Knows nothing of what it protects.
namespace tidelock::lock {

// Where the lock lives: a mapped queue file that `valid` accepts, and an open file on whose bytes
// members prove that they live. Both must outlive the attachment; the ByteLocks must be used by
// this attachment alone (for these bytes).
struct Site {
  std::span<std::byte> bytes;
  os::ByteLocks& locks;
  std::uint64_t recovery_byte;
  std::uint64_t first_member_byte;  // kMemberSlots bytes from here
};

using Guard = LockQueue::Guard;

// One attachment. Thread-safe: threads queue and exclude each other as processes do; a thread that
// holds the lock and asks for it again waits for itself. A death at any instruction leaves the lock
// to the others (Q5 to Q7). Invariants: docs/locking.md.
class Queue {
 public:
  // Signs in as a member. kLimit when all slots are taken.
  [[nodiscard]] static Result<std::unique_ptr<Queue>> attach(const Site& site,
                                                             const Discipline& discipline,
                                                             std::string_view label);
  // Precondition: no guard of it exists, and no other thread is inside. In a forked child it
  // touches nothing that is shared.
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // kBusy: not to be had now (fail-fast), or tries used up (backoff). kTimedOut: the deadline
  // passed; never early. Both carry BusyInfo. kForked in a forked child. Uncontended: one atomic
  // instruction, no system call.
  [[nodiscard]] Result<Guard> acquire(Wait::Policy policy, const Backoff& backoff,
                                      const os::Deadline& deadline);
  // The same, with the deadline counted from now. Looks at the clock only if it has to wait.
  [[nodiscard]] Result<Guard> acquire(const Wait& wait);

  // On behalf of those who wait, without taking a turn: takes the lock if its holder is dead, and
  // yields it; takes back an offer whose waiter is dead or lets it stand; wakes the first waiter
  // beside a free lock. A system call at most, unless there is something to do.
  [[nodiscard]] Result<std::optional<Guard>> relieve();

  [[nodiscard]] Identity self() const noexcept { return members_.self(); }
  // Whether an attachment, named by slot and generation, still exists. One system call unless it is
  // this one, or one known to be gone. Precondition: not in a forked child.
  [[nodiscard]] bool alive(Identity who) const { return members_.alive(who); }
  // A number of the application's, shown beside this member.
  void set_view(std::uint64_t view) noexcept;

  // For people: read without a lock.
  [[nodiscard]] Result<LockInfo> info() const;
  [[nodiscard]] BusyInfo busy_info() const;
  // Nothing if that attachment has ended.
  [[nodiscard]] std::optional<LockMember> member(Identity who) const;
  [[nodiscard]] const Statistics& statistics() const noexcept { return file_.statistics; }

 private:
  friend Guard;
  Queue(const Site& site, const Discipline& discipline) noexcept;

  [[nodiscard]] bool forked() const noexcept;
  [[nodiscard]] bool take_at_once() noexcept;
  [[nodiscard]] Result<Guard> acquire_contended(Wait::Policy policy, const Backoff& backoff,
                                                const os::Deadline& deadline);
  [[nodiscard]] Result<Guard> acquire_by_queueing(const os::Deadline& deadline);
  [[nodiscard]] Result<Guard> acquire_by_retrying(const Backoff& backoff,
                                                  const os::Deadline& deadline);
  [[nodiscard]] bool try_acquire() noexcept;
  [[nodiscard]] std::chrono::nanoseconds stood(LockWord word) noexcept;
  [[nodiscard]] Status busy_status(StatusCode code, const Waiter::Facts& facts) const;
  [[nodiscard]] Guard entered() noexcept;
  [[nodiscard]] Sight sight() const { return Sight(file_, members_); }
  void count(const Waiter::Facts& facts) noexcept;
  void record_handover(std::chrono::nanoseconds waited, bool recovered) noexcept;
  void release() noexcept;

  QueueFile& file_;
  const std::uint64_t process_token_;
  Ring ring_;
  Members members_;
  Arbiter arbiter_;
  const Discipline discipline_;
  LockWord held_word_;  // what the lock word is while this member holds it and nobody waits

  std::mutex watch_mutex_;
  Watch watch_;  // of callers that do not wait: what they have seen stand between their calls
};

}  // namespace tidelock::lock
