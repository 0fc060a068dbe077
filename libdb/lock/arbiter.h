#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "lock/discipline.h"
#include "lock/layout.h"
#include "lock/members.h"
#include "lock/ring.h"
#include "lock/word.h"
#include "os/byte_lock.h"
#include "tidelock/wait.h"

// What is done to the lock word on behalf of one member.
namespace tidelock::lock {

// Q5: nobody sleeps longer without looking, so that no wake-up is needed for correctness.
inline constexpr std::chrono::nanoseconds kSliceMax = std::chrono::milliseconds(50);
// Q6: how long an offer, or a free word that its first waiter does not take, is left standing.
inline constexpr std::chrono::nanoseconds kOfferMax = std::chrono::milliseconds(20);

// Every change is one compare-and-swap of the whole word. From -> to, by whom, and what a death
// right after it leaves:
//   free -> held        anybody (strict: the first waiting)   a dead holder: `judge` recovers
//   held -> free        the holder; wakes the first waiting   sleepers look after their slice
//   held -> offered     the holder, if hand-over is wanted    the offer stands
//   offered -> held     the waiter it names                   a dead holder
//   offered -> offered, free   anybody, when the waiter it names has cancelled, is dead, or has let
//                       it stand for kOfferMax                the offer stands
//   held -> held        anybody, when the holder is dead: takes over and sets inconsistent (Q7)
//   has-waiters, hand-over-wanted set: a waiter; cleared with one of the changes above
//   inconsistent cleared: the holder, by mark_consistent only
class Arbiter {
 public:
  Arbiter(QueueFile& file, Ring& ring, Members& members, os::ByteLocks& locks,
          std::uint64_t recovery_byte, const Discipline& discipline) noexcept
      : file_(file),
        ring_(ring),
        members_(members),
        locks_(locks),
        recovery_byte_(recovery_byte),
        discipline_(discipline) {}

  [[nodiscard]] LockWord look() const noexcept { return {file_.lock.word.load()}; }

  // From free, or offered to this member, to held. A waiter that takes it keeps has-waiters set,
  // for there may be others whose wake-up was left to it. False if the word has changed.
  [[nodiscard]] bool take(LockWord seen, bool queued) noexcept;
  // Frees the lock or hands it over. Precondition: this member holds it.
  void release() noexcept;
  // Declines or takes back an offer, if it still stands.
  void pass_on(LockWord offer) noexcept;
  // Sets a flag if the word is as it was seen.
  void set(LockWord seen, std::uint64_t flag) noexcept;
  void wake_first() noexcept;
  // The first waiting has let a free lock stand: somebody else, with this ticket, is taking it.
  void overtake_first(std::uint64_t ticket) noexcept;
  void mark_consistent() noexcept { file_.lock.word.fetch_and(~LockWord::kInconsistent); }

  enum class Judgement : std::uint8_t { kStands, kChanged, kMine };
  // Looks whether the owner of a held or offered word still lives, and acts if not (Q6, Q7):
  // kMine: took over from a dead holder. kChanged: an offer was taken back. `stood`: for how long
  // the caller has seen this very word.
  [[nodiscard]] Judgement judge(LockWord seen, std::chrono::nanoseconds stood,
                                bool queued) noexcept;

 private:
  bool swap(LockWord& expected, LockWord desired) noexcept {
    return file_.lock.word.compare_exchange_strong(expected.bits, desired.bits);
  }
  [[nodiscard]] LockWord held_by_me(LockWord before, bool queued) const noexcept;
  bool pass(LockWord& from, bool has_had_its_share, std::uint32_t wake_ahead) noexcept;
  void count_turn() noexcept;
  [[nodiscard]] bool complete_offer(const Waiting& to) noexcept;
  [[nodiscard]] Ring::Woken wake(const Waiting& waiting) noexcept;
  void wake_from(std::optional<Waiting> first, std::uint32_t ahead) noexcept;
  void remove_from_head(const Waiting& waiting, bool alive) noexcept;
  void remove_dead_from_head() noexcept;
  [[nodiscard]] bool recover(LockWord seen, std::chrono::nanoseconds stood, bool queued) noexcept;

  QueueFile& file_;
  Ring& ring_;
  Members& members_;
  os::ByteLocks& locks_;
  const std::uint64_t recovery_byte_;
  const Discipline discipline_;

  // Of whoever holds the lock, and written by it alone.
  std::uint64_t last_turn_ = 0;       // number of this member's latest turn that others waited for
  std::uint32_t turns_in_a_row_ = 0;  // before a first waiter that has been woken and does not run
};

}  // namespace tidelock::lock
