#include "lock/queue.h"

#include <algorithm>
#include <string>
#include <utility>

#include "lock/backoff.h"
#include "os/crash_point.h"
#include "os/process.h"

namespace tidelock::lock {

namespace {

using std::chrono::nanoseconds;

// A clock of another process may be ahead.
nanoseconds since(std::uint64_t then_ns) {
  const nanoseconds then(static_cast<std::int64_t>(then_ns));
  return std::max(os::monotonic_now() - then, nanoseconds(0));
}

// Counters that only the holder of the lock writes.
void add_to(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

Status forked_status() {
  return Status(StatusCode::kForked, "lock: the handle belongs to the parent of this process");
}

std::string describe(const BusyInfo& busy) {
  std::string text = "lock: ";
  if (busy.holder_pid == 0) {
    text += "held by another";
  } else {
    text += "held by pid " + std::to_string(busy.holder_pid) + " (" + busy.holder_label + ")";
  }
  if (busy.held_for.count() != 0) {
    const auto held = std::chrono::duration_cast<std::chrono::milliseconds>(busy.held_for);
    text += " for " + std::to_string(held.count()) + " ms";
  }
  text += ", " + std::to_string(busy.waiters) + (busy.waiters == 1 ? " waiter" : " waiters");
  if (busy.queue_place != 0) text += ", own place " + std::to_string(busy.queue_place);
  return text;
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

Queue::Queue(const Site& site, Handover handover) noexcept
    : file_(*reinterpret_cast<QueueFile*>(site.bytes.data())),
      process_token_(os::process_token()),
      ring_(file_),
      members_(file_, site.locks, site.first_member_byte),
      arbiter_(file_, ring_, members_, site.locks, site.recovery_byte, handover),
      handover_(handover) {}

Result<std::unique_ptr<Queue>> Queue::attach(const Site& site, Handover handover,
                                             std::string_view label) {
  if (!valid(site.bytes, std::nullopt)) {
    return Status(StatusCode::kCorruption, "attach to the lock queue: not a queue file");
  }
  std::unique_ptr<Queue> queue(new Queue(site, handover));
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
  } while (word.is_free() && (handover_ == Handover::kBounded || !word.has_waiters()));
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
  Waiter waiter(file_, ring_, arbiter_, members_, handover_);
  if (!waiter.wait(deadline)) return busy_status(StatusCode::kTimedOut, waiter.facts());
  record(waiter.facts());
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

// Without waiting: takes a free lock, unless strict order has it for somebody else; one that a dead
// holder left; and lapses an offer that is dead or has stood too long between such calls (Q6).
bool Queue::try_acquire() noexcept {
  for (;;) {
    const LockWord word = arbiter_.look();
    nanoseconds stood;
    {
      const std::lock_guard guard(watch_mutex_);
      stood = watch_.stood(word, file_.lock.acquired.load(std::memory_order_relaxed),
                           os::monotonic_now());
    }
    if (word.is_free()) {
      const bool another_first =
          handover_ == Handover::kStrict && word.has_waiters() && ring_.first_waiting();
      if (another_first && stood < kOfferMax) return false;
      if (arbiter_.take(word, false)) return true;
      continue;
    }
    switch (arbiter_.judge(word, stood, false)) {
      case Arbiter::Judgement::kMine:
        return true;
      case Arbiter::Judgement::kChanged:
        continue;
      case Arbiter::Judgement::kStands:
        return false;
    }
  }
}

void Queue::record(const Waiter::Facts& facts) noexcept {
  const auto waited = static_cast<std::uint64_t>(facts.waited.count());
  MemberSlot& slot = members_.own_slot();
  add_to(slot.waited, 1);
  add_to(slot.overtaken, facts.overtaken);
  if (waited > slot.longest_wait_ns.load(std::memory_order_relaxed)) {
    slot.longest_wait_ns.store(waited, std::memory_order_relaxed);
  }
  const std::uint64_t number = file_.handovers_recorded.load(std::memory_order_relaxed);
  HandoverRecord& record = file_.history[number % kHistoryLength];
  record.owner.store(members_.self().slot, std::memory_order_relaxed);
  record.kind.store(
      static_cast<std::uint64_t>(facts.recovered ? HandoverKind::kRecovered : HandoverKind::kTaken),
      std::memory_order_relaxed);
  record.waited_ns.store(waited, std::memory_order_relaxed);
  record.at_ns.store(static_cast<std::uint64_t>(os::monotonic_now().count()),
                     std::memory_order_relaxed);
  file_.handovers_recorded.store(number + 1, std::memory_order_release);  // pairs with `history`
}

void Queue::set_view(std::uint64_t view) noexcept {
  if (!forked()) members_.own_slot().view.store(view, std::memory_order_relaxed);
}

BusyInfo Queue::busy_info() const {
  BusyInfo busy;
  if (forked()) return busy;
  const LockWord word = arbiter_.look();
  if (!word.is_free()) {
    const LockMember holder = members_.describe(word.owner().slot);
    busy.holder_pid = holder.pid;
    busy.holder_label = holder.label;
    const MemberSlot& slot = file_.members[word.owner().slot];
    const std::uint64_t held_since = slot.held_since_ns.load(std::memory_order_relaxed);
    if (word.is_held() && held_since != 0) busy.held_for = since(held_since);
  }
  ring_.for_each([&busy](std::uint64_t, EntryWord, std::uint64_t) { ++busy.waiters; });
  return busy;
}

std::optional<LockMember> Queue::member(Identity who) const {
  if (forked() || who.slot >= kMemberSlots || !members_.alive(who)) return std::nullopt;
  return members_.describe(who.slot);
}

Status Queue::busy_status(StatusCode code, const Waiter::Facts& facts) const {
  BusyInfo busy = busy_info();
  busy.queue_place = facts.place;
  busy.waiters = std::max(busy.waiters, facts.waiters);
  std::string text = describe(busy);
  return Status(code, std::move(text), std::move(busy));
}

Result<LockInfo> Queue::info() const {
  if (forked()) return forked_status();
  LockInfo told;
  const LockWord word = arbiter_.look();
  told.inconsistent = word.inconsistent();
  if (word.is_held()) told.word = LockInfo::Word::kHeld;
  if (word.is_offered()) told.word = LockInfo::Word::kOffered;
  if (!word.is_free()) {
    told.holder = members_.describe(word.owner().slot);
    told.held_for = busy_info().held_for;
  }
  ring_.for_each([&](std::uint64_t ticket, EntryWord entry, std::uint64_t since_ns) {
    const LockMember member = members_.describe(entry.slot());
    if (!members_.alive(entry)) return;  // nobody has stepped over it yet
    told.waiters.push_back({.ticket = ticket,
                            .slot = entry.slot(),
                            .pid = member.pid,
                            .label = member.label,
                            .waiting_for = since(since_ns)});
  });
  for (std::uint32_t slot = 0; slot < members_.slots_used(); ++slot) {
    LockMember member = members_.describe(slot);
    if (member.pid != 0) told.members.push_back(std::move(member));
  }
  return told;
}

std::vector<PastHandover> Queue::history() const {
  std::vector<PastHandover> told;
  if (forked()) return told;
  const std::uint64_t recorded = file_.handovers_recorded.load(std::memory_order_acquire);
  const std::uint64_t kept = std::min<std::uint64_t>(recorded, kHistoryLength);
  for (std::uint64_t i = 1; i <= kept; ++i) {
    const HandoverRecord& record = file_.history[(recorded - i) % kHistoryLength];
    const bool recovered = record.kind.load(std::memory_order_relaxed) ==
                           static_cast<std::uint64_t>(HandoverKind::kRecovered);
    told.push_back(
        {.slot = static_cast<std::uint32_t>(record.owner.load(std::memory_order_relaxed)),
         .kind = recovered ? HandoverKind::kRecovered : HandoverKind::kTaken,
         .waited = nanoseconds(
             static_cast<std::int64_t>(record.waited_ns.load(std::memory_order_relaxed))),
         .ago = since(record.at_ns.load(std::memory_order_relaxed))});
  }
  return told;
}

}  // namespace tidelock::lock
