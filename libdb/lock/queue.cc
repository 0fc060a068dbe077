#include "lock/queue.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "lock/backoff.h"
#include "lock/busy_text.h"
#include "os/crash_point.h"
#include "os/process.h"

namespace tidelock::lock {

namespace {

using std::chrono::nanoseconds;

// Counters that only the holder of the lock writes.
void add_to(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

Status forked_status() {
  return Status(StatusCode::kForked, "lock: the handle belongs to the parent of this process");
}

}  // namespace

}  // namespace tidelock::lock

namespace tidelock {

bool LockQueue::Guard::inconsistent() const noexcept {
  return queue_ != nullptr && !queue_->forked() && queue_->arbiter_.look().inconsistent();
}

void LockQueue::Guard::mark_consistent() noexcept {
  if (queue_ != nullptr && !queue_->forked()) queue_->arbiter_.mark_consistent();
}

void LockQueue::Guard::release() noexcept {
  if (queue_ != nullptr) std::exchange(queue_, nullptr)->release();
}

}  // namespace tidelock

namespace tidelock::lock {

Queue::Queue(const Site& site, const Discipline& discipline) noexcept
    : file_(*reinterpret_cast<QueueFile*>(site.bytes.data())),
      process_token_(os::process_token()),
      ring_(file_),
      members_(file_, site.locks, site.first_member_byte),
      arbiter_(file_, ring_, members_, site.locks, site.recovery_byte, discipline),
      discipline_(discipline) {}

Result<std::unique_ptr<Queue>> Queue::attach(const Site& site, const Discipline& discipline,
                                             std::string_view label) {
  if (!valid(site.bytes, std::nullopt)) {
    return Status(StatusCode::kCorruption, "attach to the lock queue: not a queue file");
  }
  std::unique_ptr<Queue> queue(new Queue(site, discipline));
  if (Status status = queue->members_.sign_in(label.empty() ? os::program_name() : label);
      !status.ok()) {
    return status;
  }
  queue->held_word_ = LockWord::held(queue->members_.self());
  return queue;
}

Queue::~Queue() {
  if (!forked() && held_word_ != LockWord{}) members_.sign_out();
}

bool Queue::forked() const noexcept {
  return os::process_token() != process_token_;
}

Result<Guard> Queue::acquire(Wait::Policy policy, const Backoff& backoff,
                             const os::Deadline& deadline) {
  if (forked()) return forked_status();
  if (take_at_once()) return entered();
  return acquire_contended(policy, backoff, deadline);
}

Result<Guard> Queue::acquire(const Wait& wait) {
  if (forked()) return forked_status();
  if (take_at_once()) return entered();
  return acquire_contended(wait.policy, wait.backoff, os::Deadline::after(wait.deadline));
}

// A free lock is taken by whoever comes; in strict order only while nobody waits.
bool Queue::take_at_once() noexcept {
  LockWord word = LockWord::free();
  do {
    const LockWord mine =
        held_word_.with(word.bits & (LockWord::kHasWaiters | LockWord::kInconsistent));
    // Pairs with the release in `release`.
    if (file_.lock.word.compare_exchange_strong(word.bits, mine.bits, std::memory_order_acquire,
                                                std::memory_order_relaxed)) [[likely]] {
      TIDELOCK_CRASH_POINT("lock.taken_at_once");
      return true;
    }
  } while (word.is_free() && (discipline_.handover == Handover::kBounded || !word.has_waiters()));
  return false;
}

Result<Guard> Queue::acquire_contended(Wait::Policy policy, const Backoff& backoff,
                                       const os::Deadline& deadline) {
  switch (policy) {
    case Wait::Policy::kQueue:
      return acquire_by_queueing(deadline);
    case Wait::Policy::kBackoff:
      return acquire_by_retrying(backoff, deadline);
    case Wait::Policy::kFailFast:
      break;
  }
  if (try_acquire()) return entered();
  return busy_status(StatusCode::kBusy, {});
}

void Queue::release() noexcept {
  if (forked()) return;
  members_.own_slot().held_since_ns.store(0, std::memory_order_relaxed);
  std::uint64_t expected = held_word_.bits;
  if (!file_.lock.word.compare_exchange_strong(
          expected, LockWord::free().bits, std::memory_order_release, std::memory_order_relaxed)) {
    arbiter_.release();
  }
}

// Precondition here and below: this thread has just got the lock.
Guard Queue::entered() noexcept {
  add_to(file_.lock.acquired, 1);
  MemberSlot& slot = members_.own_slot();
  add_to(slot.acquired, 1);
  slot.held_since_ns.store(static_cast<std::uint64_t>(os::monotonic_coarse().count()),
                           std::memory_order_relaxed);
  return Guard(this);
}

Result<Guard> Queue::acquire_by_queueing(const os::Deadline& deadline) {
  Waiter waiter(file_, ring_, arbiter_, members_, discipline_);
  if (!waiter.wait(deadline)) return busy_status(StatusCode::kTimedOut, waiter.facts());
  count(waiter.facts());
  record_handover(waiter.facts().waited, waiter.facts().recovered);
  return entered();
}

// Fail-fast attempts spaced by the backoff; the deadline ends it, or the tries.
Result<Guard> Queue::acquire_by_retrying(const Backoff& backoff, const os::Deadline& deadline) {
  nanoseconds pause = backoff.base;
  for (std::uint32_t attempt = 0;; ++attempt) {
    if (try_acquire()) return entered();
    if (backoff.tries != 0 && attempt + 1 >= backoff.tries) break;
    if (deadline.expired()) return busy_status(StatusCode::kTimedOut, {});
    pause = backoff_delay(backoff, attempt, pause, os::random_u64());
    os::sleep_for(std::min(pause, deadline.left()));
  }
  return busy_status(StatusCode::kBusy, {});
}

// For how long callers that do not wait have seen this very word.
nanoseconds Queue::stood(LockWord word) noexcept {
  const std::lock_guard guard(watch_mutex_);
  return watch_.stood(word, file_.lock.acquired.load(std::memory_order_relaxed),
                      os::monotonic_now());
}

// Without waiting: takes a free lock, unless strict order has it for somebody else; one that a dead
// holder left; and lapses an offer that is dead or has stood too long between such calls (Q6).
bool Queue::try_acquire() noexcept {
  for (;;) {
    const LockWord word = arbiter_.look();
    const nanoseconds unchanged = stood(word);
    if (word.is_free()) {
      const bool another_first =
          discipline_.handover == Handover::kStrict && word.has_waiters() && ring_.first_waiting();
      if (another_first && unchanged < kOfferMax) return false;
      if (arbiter_.take(word, false)) return true;
      continue;
    }
    switch (arbiter_.judge(word, unchanged, false)) {
      case Arbiter::Judgement::kMine:
        record_handover(nanoseconds(0), true);
        return true;
      case Arbiter::Judgement::kChanged:
        continue;
      case Arbiter::Judgement::kStands:
        return false;
    }
  }
}

Result<std::optional<Guard>> Queue::relieve() {
  if (forked()) return forked_status();
  for (;;) {
    const LockWord word = arbiter_.look();
    if (word.is_free()) {
      if (word.has_waiters()) arbiter_.wake_first();
      return std::optional<Guard>();
    }
    switch (arbiter_.judge(word, stood(word), false)) {
      case Arbiter::Judgement::kMine:
        record_handover(nanoseconds(0), true);
        return std::optional<Guard>(entered());
      case Arbiter::Judgement::kChanged:
        continue;
      case Arbiter::Judgement::kStands:
        return std::optional<Guard>();
    }
  }
}

void Queue::count(const Waiter::Facts& facts) noexcept {
  const auto waited = static_cast<std::uint64_t>(facts.waited.count());
  MemberSlot& slot = members_.own_slot();
  add_to(slot.waited, 1);
  add_to(slot.overtaken, facts.overtaken);
  if (waited > slot.longest_wait_ns.load(std::memory_order_relaxed)) {
    slot.longest_wait_ns.store(waited, std::memory_order_relaxed);
  }
}

void Queue::record_handover(nanoseconds waited, bool recovered) noexcept {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const MemberSlot& own = members_.own_slot();
  const std::uint64_t number = file_.handovers_recorded.load(kRelaxed);
  HandoverRecord& record = file_.history[number % kHistoryLength];
  record.slot.store(members_.self().slot, kRelaxed);
  record.recovered.store(recovered ? 1 : 0, kRelaxed);
  record.waited_ns.store(static_cast<std::uint64_t>(waited.count()), kRelaxed);
  record.at_ns.store(static_cast<std::uint64_t>(os::monotonic_now().count()), kRelaxed);
  record.pid.store(own.pid.load(kRelaxed), kRelaxed);
  for (std::size_t i = 0; i < std::size(record.label); ++i) {
    record.label[i].store(own.label[i].load(kRelaxed), kRelaxed);
  }
  // Pairs with the acquire in Sight::history.
  file_.handovers_recorded.store(number + 1, std::memory_order_release);
}

void Queue::set_view(std::uint64_t view) noexcept {
  if (!forked()) members_.own_slot().view.store(view, std::memory_order_relaxed);
}

BusyInfo Queue::busy_info() const {
  return forked() ? BusyInfo() : sight().busy_info();
}

std::optional<LockMember> Queue::member(Identity who) const {
  if (forked() || who.slot >= kMemberSlots || !members_.alive(who)) return std::nullopt;
  return members_.describe(who.slot);
}

Status Queue::busy_status(StatusCode code, const Waiter::Facts& facts) const {
  BusyInfo busy = busy_info();
  busy.queue_place = facts.place;
  if (facts.waiters != 0) busy.waiters = facts.waiters;
  std::string text = "lock " + members_.path() + ": " + busy_text(busy);
  const bool ring_was_full = facts.waiters != 0 && facts.place == 0;
  if (ring_was_full) {
    text += ", and all " + std::to_string(ring_.entries()) + " places of the queue are taken";
  }
  return Status(code, std::move(text), std::move(busy));
}

Result<LockInfo> Queue::info() const {
  if (forked()) return forked_status();
  return sight().info();
}

}  // namespace tidelock::lock
