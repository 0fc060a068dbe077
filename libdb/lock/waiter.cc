#include "lock/waiter.h"

#include <algorithm>

#include "os/crash_point.h"

namespace tidelock::lock {

namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

// After how long the first waiter, awake, asks for the lock in any case.
constexpr nanoseconds kBypassMax = microseconds(500);
// For how long the first waiter spins, just woken or having asked, before it sleeps again.
constexpr nanoseconds kSpinMax = microseconds(20);
// How often the others look again before they sleep.
constexpr int kGlances = 5;
// Those whose turn is near look more often: they find a dead holder or a stopped first waiter.
constexpr nanoseconds kNearSlice = std::chrono::milliseconds(20);
constexpr std::uint64_t kNearTickets = 8;
// How long a waiter rests that can announce no sleep: a full ring, or, in strict order, a free lock
// that somebody before it is about to take.
constexpr nanoseconds kPollPause = std::chrono::milliseconds(2);
constexpr nanoseconds kTurnPause = microseconds(50);

void pause_briefly() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Waiter::Waiter(QueueFile& file, Ring& ring, Arbiter& arbiter, Members& members,
               const Discipline& discipline) noexcept
    : file_(file),
      ring_(ring),
      arbiter_(arbiter),
      members_(members),
      strict_(discipline.handover == Handover::kStrict),
      overtaking_max_(std::min(discipline.overtaking_max, kBypassMax)),
      started_(os::monotonic_now()),
      judged_at_(started_) {}

bool Waiter::wait(const os::Deadline& deadline) noexcept {
  for (;;) {
    if (!queued_) join();
    const Step step = look();
    if (step == Step::kMine) {
      finish();
      return true;
    }
    if (step == Step::kLookAgain) continue;
    if (deadline.expired()) {
      give_up();
      return false;
    }
    rest(deadline);
  }
}

// A full ring: wait without an entry and try again after each rest.
void Waiter::join() noexcept {
  const Ring::Claim claim = ring_.claim(members_.self());
  if (!claim.claimed) {
    const EntryWord old = claim.in_the_way;
    if (old.place() == EntryWord::Place::kLapsed || !members_.alive(old)) ring_.recycle(old);
    return;
  }
  TIDELOCK_CRASH_POINT("lock.enqueued");
  queued_ = true;
  ticket_ = claim.ticket;
  first_since_ = nanoseconds(0);
  ring_.set_since(ticket_, static_cast<std::uint64_t>(started_.count()));
  const std::uint64_t before_me = ticket_ - std::min(ring_.head(), ticket_);
  expected_before_ = file_.lock.acquired.load(std::memory_order_relaxed) + before_me;
}

Waiter::Step Waiter::look() noexcept {
  if (queued_) {
    const EntryWord::Place place = ring_.place_of(ticket_, members_.self());
    if (place == EntryWord::Place::kLapsed) ring_.come_back(ticket_, members_.self());
    if (place == EntryWord::Place::kEmpty) queued_ = false;
    if (place != EntryWord::Place::kWaiting) return Step::kLookAgain;
  }
  const LockWord word = arbiter_.look();
  if (queued_ && word.offered_to(members_.self(), ticket_)) {
    return arbiter_.take(word, true) ? Step::kMine : Step::kLookAgain;
  }
  if (word.is_free()) return look_at_free(word);
  if (queued_ && !word.has_waiters()) {
    arbiter_.set(word, LockWord::kHasWaiters);
    return Step::kLookAgain;
  }
  if (const Step step = judge(word); step != Step::kRest) return step;
  if (queued_ && word.is_held() && ought_to_ask() && !word.handover_wanted()) {
    arbiter_.set(word, LockWord::kHandoverWanted);
    return Step::kLookAgain;
  }
  return Step::kRest;
}

nanoseconds Waiter::slice() const noexcept {
  return queued_ && ticket_ - ring_.head() < kNearTickets ? kNearSlice : kSliceMax;
}

nanoseconds Waiter::stood(LockWord word, nanoseconds now) noexcept {
  return watch_.stood(word, file_.lock.acquired.load(std::memory_order_relaxed), now);
}

// Bounded: whoever comes takes it. Strict: the first waiting does, or anybody when it has let the
// lock stand. In either case, who takes it after a whole slice passes over the first waiting, which
// ought to have been woken for it.
Waiter::Step Waiter::look_at_free(LockWord word) noexcept {
  const auto first = ring_.first_waiting();
  const bool mine = !first || (queued_ && first->ticket == ticket_);
  if (!mine) {
    const nanoseconds now = os::monotonic_now();
    const bool neglected = stood(word, now) >= kOfferMax || now - judged_at_ >= slice();
    if (neglected) arbiter_.overtake_first(ticket_);
    if (strict_ && !neglected) return Step::kRest;
  }
  return arbiter_.take(word, queued_) ? Step::kMine : Step::kLookAgain;
}

// After a slice, or when an offer to another has stood too long (Q6). One who has waited a whole
// slice asks for the hand-over, first or not: the first may be stopped.
Waiter::Step Waiter::judge(LockWord word) noexcept {
  const nanoseconds now = os::monotonic_now();
  const nanoseconds stands_for = stood(word, now);
  const bool slice_over = now - judged_at_ >= slice();
  if (!slice_over && !(word.is_offered() && stands_for >= kOfferMax)) return Step::kRest;
  judged_at_ = now;
  switch (arbiter_.judge(word, stands_for, queued_)) {
    case Arbiter::Judgement::kMine:
      facts_.recovered = true;
      return Step::kMine;
    case Arbiter::Judgement::kChanged:
      return Step::kLookAgain;
    case Arbiter::Judgement::kStands:
      break;
  }
  if (queued_ && word.is_held() && !word.handover_wanted()) {
    arbiter_.set(word, LockWord::kHandoverWanted);
  }
  return Step::kRest;
}

// In strict order the first waiting asks at once; else when it has seen others overtake it, awake,
// for a while.
bool Waiter::ought_to_ask() noexcept {
  const auto first = ring_.first_waiting();
  if (!first || first->ticket != ticket_) {
    first_since_ = nanoseconds(0);
    return false;
  }
  const nanoseconds now = os::monotonic_now();
  if (first_since_.count() == 0) {
    first_since_ = now;
    acquired_when_first_ = file_.lock.acquired.load(std::memory_order_relaxed);
  }
  return strict_ || now - first_since_ >= may_ask_after();
}

bool Waiter::overtaken() const noexcept {
  return file_.lock.acquired.load(std::memory_order_relaxed) != acquired_when_first_;
}

nanoseconds Waiter::may_ask_after() const noexcept {
  return overtaken() ? overtaking_max_ : kBypassMax;
}

void Waiter::rest(const os::Deadline& deadline) noexcept {
  const nanoseconds left = deadline.left();
  if (!queued_) return os::sleep_for(std::min(kPollPause, left));
  const LockWord word = arbiter_.look();
  if (word.is_free()) {
    if (strict_) os::sleep_for(std::min(kTurnPause, left));  // another's turn
    return;
  }
  if (word.is_offered()) return sleep(std::min(kOfferMax, left));
  if (first_since_.count() != 0) return rest_as_first(word, left);
  if (!glance()) sleep(std::min(slice(), left));
}

// Spins a little; then rests until it may ask. If the holder takes its time, the release wakes it.
// If others overtake it, every release would wake it in vain: then it lets nobody wake it.
void Waiter::rest_as_first(LockWord word, nanoseconds left) noexcept {
  if (spin()) return;
  if (strict_ || word.handover_wanted()) return sleep(std::min(slice(), left));
  const nanoseconds until_asking = first_since_ + may_ask_after() - os::monotonic_now();
  if (until_asking.count() <= 0) return;
  const nanoseconds time = std::min(until_asking, left);
  return overtaken() ? os::sleep_for(time) : sleep(time);
}

bool Waiter::worth_a_look(LockWord word) const noexcept {
  return word.is_free() || !word.has_waiters() || word.offered_to(members_.self(), ticket_);
}

bool Waiter::spin() noexcept {
  constexpr int kPausesEach = 16;
  const nanoseconds end = os::monotonic_now() + kSpinMax;
  do {
    for (int i = 0; i < kPausesEach; ++i) pause_briefly();
    if (worth_a_look(arbiter_.look())) return true;
  } while (os::monotonic_now() < end);
  return false;
}

// A short turn often ends sooner than one falls asleep.
bool Waiter::glance() noexcept {
  for (int i = 0; i < kGlances && !strict_; ++i) {
    pause_briefly();
    if (worth_a_look(arbiter_.look())) return true;
  }
  return false;
}

// Announces, looks once more, sleeps: whoever changes the word afterwards sees the announcement.
void Waiter::sleep(nanoseconds timeout) noexcept {
  if (!ring_.announce(ticket_, Sleep::kAsleep)) return os::sleep_for(kTurnPause);
  TIDELOCK_CRASH_POINT("lock.sleep_announced");
  if (!worth_a_look(arbiter_.look())) ring_.sleep(ticket_, timeout);
  ring_.announce(ticket_, Sleep::kAwake);
}

void Waiter::finish() noexcept {
  if (queued_) ring_.leave(ticket_, members_.self());
  facts_.waited = os::monotonic_now() - started_;
  const std::uint64_t acquired = file_.lock.acquired.load(std::memory_order_relaxed);
  facts_.overtaken = acquired > expected_before_ ? acquired - expected_before_ : 0;
}

void Waiter::give_up() noexcept {
  count_places();
  if (!queued_) return;
  ring_.leave(ticket_, members_.self());
  TIDELOCK_CRASH_POINT("lock.cancel_marked");
  const LockWord word = arbiter_.look();
  if (word.offered_to(members_.self(), ticket_)) {
    arbiter_.pass_on(word);
  } else if (word.is_free()) {
    arbiter_.wake_first();  // the wake-up meant for it goes to the next
  }
}

void Waiter::count_places() noexcept {
  ring_.for_each([this](std::uint64_t ticket, EntryWord entry, std::uint64_t) {
    if (!members_.alive(entry)) return;
    ++facts_.waiters;
    if (queued_ && ticket == ticket_) facts_.place = facts_.waiters;
  });
  if (!queued_) ++facts_.waiters;
}

}  // namespace tidelock::lock
