#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "lock/layout.h"
#include "lock/word.h"

// The queue of waiters (Q4): a ring of entries, claimed in order of arrival.
namespace tidelock::lock {

// An entry as it was seen, and the full ticket it was seen for.
struct Waiting {
  std::uint64_t ticket = 0;
  EntryWord entry;
};

// Whether the owner of an entry sleeps. Kept in the entry's futex word together with the ticket, so
// that nobody disturbs the next owner by mistake.
enum class Sleep : std::uint8_t {
  kAwake = 0,
  kAsleep = 1,  // wants to be woken when the lock is free or offered to it
  kWoken = 2,   // was asleep and has been woken, but has not come to run yet
};

// A view of the ring in shared memory. Any thread of any attached process may call anything; each
// call is a few atomic instructions and waits for nobody. Transitions of an entry for ticket t:
//   empty(t) -> waiting(t)      its owner, `claim`
//   waiting(t) -> lapsed(t)     anybody, `lapse`: its owner did not take the lock in time
//   lapsed(t) -> waiting(t)     its owner, `come_back`
//   waiting|lapsed(t) -> empty(t + entries)  its owner, `leave`; anybody, `recycle`, when the owner
//                               is dead or lapsed long ago
// The entry is recycled first and head advanced after it, tail after the claim; anybody helps both
// along. So a death between the two leaves a head or tail that lags, which the next call mends.
// All accesses are sequentially consistent: claim-then-look against change-then-scan (Q8) needs it.
class Ring {
 public:
  explicit Ring(QueueFile& file) noexcept;

  struct Claim {
    bool claimed = false;
    std::uint64_t ticket = 0;
    EntryWord in_the_way;  // if not claimed: the entry of the last lap, for the same place
  };
  [[nodiscard]] Claim claim(Identity owner) noexcept;
  // Where the owner's entry stands now: kEmpty if it was moved out.
  [[nodiscard]] EntryWord::Place place_of(std::uint64_t ticket, Identity owner) const noexcept;
  void come_back(std::uint64_t ticket, Identity owner) noexcept;
  void leave(std::uint64_t ticket, Identity owner) noexcept;

  // The head of the queue: the first entry still waiting.
  [[nodiscard]] std::optional<Waiting> first_waiting() noexcept;
  // The next one behind that ticket.
  [[nodiscard]] std::optional<Waiting> next_waiting(std::uint64_t ticket) const noexcept;
  [[nodiscard]] bool still_waiting(const Waiting& seen) const noexcept;
  // The waiting entry that an offer names, if it is there.
  [[nodiscard]] std::optional<Waiting> find(LockWord offer) const noexcept;
  void lapse(const Waiting& seen) noexcept;
  // Moves `entry` on to its next lap if it has not changed. True if this call did it.
  bool recycle(EntryWord entry) noexcept;

  // By the owner: kAsleep before its last look at the lock word, kAwake as soon as it runs again.
  // False if the entry has moved on to a later owner.
  bool announce(std::uint64_t ticket, Sleep sleep) noexcept;
  // Sleeps until woken, at most `timeout`, if kAsleep still stands as announced.
  void sleep(std::uint64_t ticket, std::chrono::nanoseconds timeout) noexcept;
  [[nodiscard]] bool is_woken(const Waiting& waiting) const noexcept;
  enum class Woken : std::uint8_t { kWasAwake, kWasWoken, kWoken, kNobodyThere };
  // kWasWoken: by somebody before. kNobodyThere: it had announced its sleep, and is about to sleep
  // or dead.
  Woken wake(const Waiting& waiting) noexcept;

  // For display: calls `visit(ticket, entry, since_ns)` for all in order that wait or have lapsed.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    const std::uint64_t head = file_.head.load();
    for (std::uint64_t ticket = head; ticket < head + entries_; ++ticket) {
      const RingEntry& at = file_.ring[ticket & (entries_ - 1)];
      const EntryWord entry{at.word.load()};
      if (entry.laps_ahead(ticket) != 0) continue;
      if (entry.place() == EntryWord::Place::kEmpty) break;
      visit(ticket, entry, at.since_ns.load(std::memory_order_relaxed));
    }
  }
  void set_since(std::uint64_t ticket, std::uint64_t since_ns) noexcept {
    at(ticket).since_ns.store(since_ns, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t head() const noexcept { return file_.head.load(); }
  // How many it has room for.
  [[nodiscard]] std::uint64_t entries() const noexcept { return entries_; }

 private:
  [[nodiscard]] RingEntry& at(std::uint64_t ticket) const noexcept {
    return file_.ring[ticket & (entries_ - 1)];
  }
  void advance_head() noexcept;

  QueueFile& file_;
  const std::uint64_t entries_;
};

}  // namespace tidelock::lock
