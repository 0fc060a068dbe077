#include "lock/arbiter.h"

#include "os/crash_point.h"

namespace tidelock::lock {

namespace {

// How many waiters that were woken and do not run a release goes past to wake one more.
constexpr std::uint32_t kWakeAheadMax = 8;

}  // namespace

LockWord Arbiter::held_by_me(LockWord before, bool queued) const noexcept {
  const std::uint64_t waiters =
      queued ? LockWord::kHasWaiters : before.bits & LockWord::kHasWaiters;
  return LockWord::held(members_.self()).with(waiters | before.inconsistent_bit());
}

bool Arbiter::take(LockWord seen, bool queued) noexcept {
  LockWord expected = seen;
  if (!swap(expected, held_by_me(seen, queued))) return false;
  TIDELOCK_CRASH_POINT("lock.acquired");
  if (seen.is_offered()) file_.statistics.hand_overs.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void Arbiter::set(LockWord seen, std::uint64_t flag) noexcept {
  LockWord expected = seen;
  swap(expected, seen.with(flag));
}

void Arbiter::release() noexcept {
  count_turn();
  const bool has_had_its_share = turns_in_a_row_ >= discipline_.turns_in_a_row;
  const std::uint32_t wake_ahead = turns_in_a_row_ == 0 ? kWakeAheadMax : 0;
  LockWord seen = look();
  // Only waiters' flags can change under the holder; anything else is damage, and not ours.
  while (seen.held_by(members_.self()) && !pass(seen, has_had_its_share, wake_ahead)) {
  }
}

// A waiter that was woken may not run for milliseconds, for want of a processor. Two cases. If one
// member takes the lock over and over, it may be that one whose processor the waiter waits for:
// after some turns the lock is handed over, so that the member has to wait too. If several take it
// in turn, all processors are busy: then every release wakes one waiter more, so that they come to
// their turns as the scheduler comes to them, and not one such delay after the other.
void Arbiter::count_turn() noexcept {
  const std::uint64_t turn = file_.lock.acquired.load(std::memory_order_relaxed);
  const bool in_a_row = turn == last_turn_ + 1;
  last_turn_ = turn;
  const auto first = in_a_row ? ring_.first_waiting() : std::nullopt;
  turns_in_a_row_ = first && ring_.is_woken(*first) ? turns_in_a_row_ + 1 : 0;
}

void Arbiter::pass_on(LockWord offer) noexcept {
  pass(offer, false, 0);
}

// From `from` to whoever is next. False: the word has changed before anything was done, and `from`
// tells to what.
bool Arbiter::pass(LockWord& from, bool has_had_its_share, std::uint32_t wake_ahead) noexcept {
  bool passed = false;
  for (;;) {
    const std::uint64_t kept = from.inconsistent_bit();
    std::optional<Waiting> next;
    if (from.has_waiters()) next = ring_.first_waiting();
    const bool direct = discipline_.handover == Handover::kStrict || from.handover_wanted() ||
                        from.is_offered() || has_had_its_share;
    if (!next || !direct) {
      const LockWord freed = LockWord::free().with(kept | (next ? LockWord::kHasWaiters : 0));
      const bool waiters = from.has_waiters();
      if (!swap(from, freed)) return passed;
      TIDELOCK_CRASH_POINT("lock.released_before_wake");
      // Also when none was seen: one may have queued since, seen the flag set, and gone to sleep.
      if (waiters) wake_from(next ? next : ring_.first_waiting(), wake_ahead);
      return true;
    }
    const Identity to{next->entry.slot(), members_.generation(next->entry.slot())};
    if (!next->entry.belongs_to(to)) {
      ring_.recycle(next->entry);  // its owner is dead, and the slot used again
      continue;
    }
    const LockWord offer = LockWord::offered(to, next->ticket).with(kept | LockWord::kHasWaiters);
    // Once offered it is not ours any more: a failed revocation means that somebody has accepted,
    // maybe another thread of this very member.
    if (!swap(from, offer)) return passed;
    TIDELOCK_CRASH_POINT("lock.offer_made");
    if (complete_offer(*next)) return true;
    passed = true;
    from = offer;
  }
}

// False if the one offered to has cancelled (Q8) or is found dead: the offer is to be revoked.
bool Arbiter::complete_offer(const Waiting& to) noexcept {
  return ring_.still_waiting(to) && wake(to) != Ring::Woken::kNobodyThere;
}

// kNobodyThere: it turned out to be dead, and its entry is gone. Costs a probe only if the kernel
// found nobody to wake where somebody had announced to sleep.
Ring::Woken Arbiter::wake(const Waiting& waiting) noexcept {
  const Ring::Woken woken = ring_.wake(waiting);
  if (woken != Ring::Woken::kNobodyThere) return woken;
  if (members_.alive(waiting.entry)) return Ring::Woken::kWoken;
  ring_.recycle(waiting.entry);
  return woken;
}

// One that was woken before may have died since: then that wake-up is lost.
void Arbiter::wake_first() noexcept {
  auto first = ring_.first_waiting();
  while (first && ring_.is_woken(*first) && !members_.alive(first->entry)) {
    ring_.recycle(first->entry);
    first = ring_.first_waiting();
  }
  wake_from(first, 0);
}

// Wakes `first`, or the next one if that is dead; or, if it was woken before, one of the `ahead`
// behind it.
void Arbiter::wake_from(std::optional<Waiting> first, std::uint32_t ahead) noexcept {
  while (first) {
    switch (wake(*first)) {
      case Ring::Woken::kNobodyThere:
        first = ring_.first_waiting();
        break;
      case Ring::Woken::kWasWoken:
        if (ahead-- == 0) return;
        first = ring_.next_waiting(first->ticket);
        break;
      case Ring::Woken::kWasAwake:
      case Ring::Woken::kWoken:
        return;
    }
  }
}

void Arbiter::overtake_first(std::uint64_t ticket) noexcept {
  for (auto first = ring_.first_waiting(); first && first->ticket != ticket;
       first = ring_.first_waiting()) {
    const bool alive = members_.alive(first->entry);
    remove_from_head(*first, alive);
    if (alive) return;
  }
}

// Where one has died others may have, and each that is left costs the living another slice.
void Arbiter::remove_dead_from_head() noexcept {
  for (auto first = ring_.first_waiting(); first && !members_.alive(first->entry);
       first = ring_.first_waiting()) {
    ring_.recycle(first->entry);
  }
}

void Arbiter::remove_from_head(const Waiting& waiting, bool alive) noexcept {
  if (alive) {
    ring_.lapse(waiting);
  } else {
    ring_.recycle(waiting.entry);
  }
}

Arbiter::Judgement Arbiter::judge(LockWord seen, std::chrono::nanoseconds stood,
                                  bool queued) noexcept {
  const bool alive = members_.alive(seen.owner());
  if (seen.is_held()) {
    if (alive) return Judgement::kStands;
    return recover(seen, stood, queued) ? Judgement::kMine : Judgement::kStands;
  }
  if (alive && stood < kOfferMax) return Judgement::kStands;
  if (const auto named = ring_.find(seen)) remove_from_head(*named, alive);
  remove_dead_from_head();
  pass_on(seen);
  return Judgement::kChanged;
}

// The swap of the exact word alone makes it safe: it names a generation that never returns. The
// recovery byte keeps the others from probing all at once; it is a courtesy, for a process that
// was stopped while it held the byte must not stop them: after a slice they do without.
bool Arbiter::recover(LockWord seen, std::chrono::nanoseconds stood, bool queued) noexcept {
  const Result<bool> byte = locks_.try_lock(recovery_byte_, os::ByteLocks::Mode::kExclusive);
  os::ByteLockGuard guard;
  if (byte && *byte) {
    guard = os::ByteLockGuard(locks_, recovery_byte_);
  } else if (stood < kSliceMax) {
    return false;
  }
  TIDELOCK_CRASH_POINT("lock.recovery_taken");
  if (look() != seen || members_.alive(seen.owner())) return false;
  LockWord expected = seen;
  const LockWord mine =
      held_by_me(seen, queued).with(LockWord::kHasWaiters | LockWord::kInconsistent);
  if (!swap(expected, mine)) return false;
  file_.statistics.recoveries.fetch_add(1, std::memory_order_relaxed);
  TIDELOCK_CRASH_POINT("lock.recovered");
  return true;
}

}  // namespace tidelock::lock
