#include "lock/ring.h"

#include <algorithm>

#include "os/crash_point.h"
#include "os/futex.h"

namespace tidelock::lock {

namespace {

// A lapsed waiter keeps its place until this many tickets were given out after it. Beyond that it
// is moved out, for every scan steps over it; when it wakes up it queues anew.
constexpr std::uint64_t kLapsedKeepMax = 256;

constexpr std::uint32_t wake_word(std::uint64_t ticket, Sleep sleep) {
  return static_cast<std::uint32_t>(ticket << 2) | static_cast<std::uint32_t>(sleep);
}

}  // namespace

Ring::Ring(QueueFile& file) noexcept
    : file_(file), entries_(file.header.ring_entries.load(std::memory_order_relaxed)) {}

Ring::Claim Ring::claim(Identity owner) noexcept {
  EntryWord entry;
  for (std::uint64_t round = 0; round <= entries_; ++round) {  // bounded: memory may be damaged
    std::uint64_t tail = file_.tail.load();
    entry.bits = at(tail).word.load();
    const std::int32_t ahead = entry.laps_ahead(tail);
    if (ahead < 0) break;
    const std::uint64_t ticket = tail;
    const EntryWord mine = EntryWord::of(ticket, EntryWord::Place::kWaiting, owner);
    const bool claimed = ahead == 0 && entry.place() == EntryWord::Place::kEmpty &&
                         at(ticket).word.compare_exchange_strong(entry.bits, mine.bits);
    if (claimed) TIDELOCK_CRASH_POINT("lock.entry_claimed");
    // Mine, or somebody's who has not moved tail yet, or who died before and is recycled already.
    file_.tail.compare_exchange_strong(tail, ticket + 1);
    if (claimed) return {.claimed = true, .ticket = ticket, .in_the_way = {}};
  }
  return {.claimed = false, .ticket = 0, .in_the_way = entry};
}

EntryWord::Place Ring::place_of(std::uint64_t ticket, Identity owner) const noexcept {
  const EntryWord entry{at(ticket).word.load()};
  if (entry.laps_ahead(ticket) != 0 || !entry.belongs_to(owner)) return EntryWord::Place::kEmpty;
  return entry.place();
}

// Here and in `leave`: swapped is what was read, whatever else stands in it. The memory may be
// damaged, and a swap that can never succeed would be tried for ever.
void Ring::come_back(std::uint64_t ticket, Identity owner) noexcept {
  EntryWord entry{at(ticket).word.load()};
  if (entry.laps_ahead(ticket) != 0 || !entry.belongs_to(owner)) return;
  const EntryWord waiting = entry.with(EntryWord::Place::kWaiting);
  at(ticket).word.compare_exchange_strong(entry.bits, waiting.bits);
}

void Ring::leave(std::uint64_t ticket, Identity owner) noexcept {
  // It may lapse or be moved out between look and swap; each happens at most a few times.
  for (EntryWord entry{at(ticket).word.load()};
       entry.laps_ahead(ticket) == 0 && entry.belongs_to(owner) && !recycle(entry);
       entry.bits = at(ticket).word.load()) {
  }
  advance_head();
}

void Ring::advance_head() noexcept {
  for (std::uint64_t round = 0; round <= entries_; ++round) {
    std::uint64_t head = file_.head.load();
    if (EntryWord{at(head).word.load()}.laps_ahead(head) <= 0) return;
    file_.head.compare_exchange_strong(head, head + 1);
  }
}

std::optional<Waiting> Ring::first_waiting() noexcept {
  advance_head();
  const std::uint64_t head = file_.head.load();
  for (std::uint64_t ticket = head; ticket <= head + entries_; ++ticket) {
    const EntryWord entry{at(ticket).word.load()};
    const std::int32_t ahead = entry.laps_ahead(ticket);
    if (ahead < 0 || (ahead == 0 && entry.place() == EntryWord::Place::kEmpty)) break;
    if (ahead > 0) continue;
    if (entry.place() == EntryWord::Place::kWaiting) return Waiting{ticket, entry};
    const std::uint64_t keep = std::min(kLapsedKeepMax, entries_ / 2);
    if (file_.tail.load() - ticket > keep && recycle(entry)) {
      file_.statistics.evictions.fetch_add(1, std::memory_order_relaxed);
    }
  }
  return std::nullopt;
}

std::optional<Waiting> Ring::next_waiting(std::uint64_t ticket) const noexcept {
  const std::uint64_t end = std::min(file_.tail.load(), ticket + entries_);
  while (++ticket < end) {
    const EntryWord entry{at(ticket).word.load()};
    const bool waits = entry.laps_ahead(ticket) == 0 && entry.place() == EntryWord::Place::kWaiting;
    if (waits) return Waiting{ticket, entry};
  }
  return std::nullopt;
}

bool Ring::still_waiting(const Waiting& seen) const noexcept {
  return at(seen.ticket).word.load() == seen.entry.bits;
}

std::optional<Waiting> Ring::find(LockWord offer) const noexcept {
  const EntryWord entry{at(offer.ticket()).word.load()};
  const bool named = entry.place() == EntryWord::Place::kWaiting &&
                     (entry.ticket() & LockWord::kTicketMask) == offer.ticket() &&
                     entry.belongs_to(offer.owner());
  if (!named) return std::nullopt;
  return Waiting{entry.ticket(), entry};
}

void Ring::lapse(const Waiting& seen) noexcept {
  std::uint64_t expected = seen.entry.bits;
  const EntryWord lapsed = seen.entry.with(EntryWord::Place::kLapsed);
  if (at(seen.ticket).word.compare_exchange_strong(expected, lapsed.bits)) {
    file_.statistics.lapses.fetch_add(1, std::memory_order_relaxed);
    TIDELOCK_CRASH_POINT("lock.entry_lapsed");
  }
}

bool Ring::recycle(EntryWord entry) noexcept {
  std::uint64_t expected = entry.bits;
  const EntryWord next_lap = EntryWord::empty(std::uint64_t{entry.ticket()} + entries_);
  const bool done = at(entry.ticket()).word.compare_exchange_strong(expected, next_lap.bits);
  if (done) TIDELOCK_CRASH_POINT("lock.entry_recycled");
  return done;
}

bool Ring::announce(std::uint64_t ticket, Sleep sleep) noexcept {
  const std::uint32_t mine = wake_word(ticket, sleep);
  std::uint32_t seen = at(ticket).wake.load();
  do {
    // Compares tickets modulo 2^30, in the upper bits of both words.
    const auto ahead = static_cast<std::int32_t>((seen & ~3U) - (mine & ~3U));
    if (ahead > 0) return false;
  } while (!at(ticket).wake.compare_exchange_weak(seen, mine));
  return true;
}

void Ring::sleep(std::uint64_t ticket, std::chrono::nanoseconds timeout) noexcept {
  os::futex_wait(at(ticket).wake, wake_word(ticket, Sleep::kAsleep), timeout);
}

bool Ring::is_woken(const Waiting& waiting) const noexcept {
  return at(waiting.ticket).wake.load() == wake_word(waiting.ticket, Sleep::kWoken);
}

Ring::Woken Ring::wake(const Waiting& waiting) noexcept {
  RingEntry& entry = at(waiting.ticket);
  const std::uint32_t woken = wake_word(waiting.ticket, Sleep::kWoken);
  std::uint32_t seen = entry.wake.load();
  if (seen == woken) return Woken::kWasWoken;
  const bool asleep = seen == wake_word(waiting.ticket, Sleep::kAsleep);
  // If the swap fails it woke up by itself, or somebody else is waking it.
  if (!asleep || !entry.wake.compare_exchange_strong(seen, woken)) return Woken::kWasAwake;
  return os::futex_wake(entry.wake, 1) > 0 ? Woken::kWoken : Woken::kNobodyThere;
}

}  // namespace tidelock::lock
