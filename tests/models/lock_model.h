#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "models/explorer.h"

// The lock queue as a model: the shared memory of docs/locking.md and, for each process, a program
// counter that stands before its next access to it. One access is one step. libdb/lock does the
// same accesses in the same order; whoever changes one changes the other, this one first.
namespace tidelock::models {

// A rule broken on purpose. The explorer must find out.
enum class Broken : std::uint8_t {
  kNothing,
  kProbeIgnoresGeneration,      // Q2
  kHeadBeforeRecycling,         // Q4
  kTailHelpedOnlyWhileClaimed,  // Q4: a dead claimer's entry may be recycled before tail moved on
  kNoSlices,                    // Q5: waiters rely on being woken
  kOffersNeverLapse,            // Q6
  kInconsistentEndsAtRelease,   // Q7
  kTakeoverByStore,             // Q7: no compare-and-swap of the exact word
  kNoLookAfterCancel,           // Q8
  kNoCheckAfterOffer,           // Q8
  kNoLookAfterClearing,         // Q8: has-waiters cleared, the tail not looked at
  kStealFromStopped,            // Q9
  kRecoveryByteRequired,        // a process stopped in recovery would stop all others
};

struct LockModel {
  static constexpr int kProcessesMax = 3;
  static constexpr int kRingMax = 2;

  int processes = 2;
  int ring = 2;
  std::array<std::uint8_t, kProcessesMax> turns{1, 1, 1};  // acquisitions each process attempts
  std::array<bool, kProcessesMax> fail_fast{};
  bool strict = false;
  bool slices = true;  // Q5: a sleeper looks again by itself; false: only when woken
  std::uint8_t kills = 0;
  std::uint8_t restarts = 0;  // a killed process's member slot is attached again
  std::uint8_t stops = 0;     // each may be followed by a resume
  std::uint8_t cancels = 0;
  std::uint8_t evictions = 0;  // lapsed waiters moved out while the ring has room
  Broken broken = Broken::kNothing;

  enum class Lock : std::uint8_t { kFree, kHeld, kOffered };
  struct Word {
    Lock lock = Lock::kFree;
    bool waiters = false;
    bool wanted = false;  // hand-over wanted
    bool inconsistent = false;
    std::uint8_t slot = 0;
    std::uint8_t generation = 0;
    std::uint8_t ticket = 0;  // of an offer
    bool operator==(const Word&) const = default;
  };
  enum class Place : std::uint8_t { kEmpty, kWaiting, kLapsed };
  struct Entry {
    std::uint8_t ticket = 0;
    Place place = Place::kEmpty;
    std::uint8_t slot = 0;
    std::uint8_t generation = 0;
    bool operator==(const Entry&) const = default;
  };

  // The access a process makes next.
  // clang-format off
  enum class Pc : std::uint8_t {
    kBumpGeneration,  // its member byte is locked already
    kLoad, kTake,
    kTail, kSlot, kClaim, kAdvanceTail, kMakeRoom, kPollFull,
    kOwnEntry, kReturn, kLook, kAccept, kSetWaiters, kSetWanted, kFallAsleep, kLastLook, kAsleep,
    kJudge, kJudgeGeneration, kJudgeByte,
    kRecover, kRecoverLook, kTakeOver, kDropRecovery, kLapse, kLapseEntry,
    kScanHead, kScanFirst, kHelpScan, kScanEntry, kPass, kOfferCheck, kWake, kOvertakeEntry,
    kRecycle, kHelpHead, kHelpHeadEntry, kHelpHeadAdvance,
    kInside, kRelease,
    kCancelLook,
    kDone,
  };
  // clang-format on
  enum class Purpose : std::uint8_t { kNone, kPassOn, kWake, kAmIFirst, kOvertake };
  enum class Life : std::uint8_t { kRuns, kStopped, kDead };

  struct Process {
    Pc pc = Pc::kLoad;
    Life life = Life::kRuns;
    std::uint8_t generation = 0;
    std::uint8_t turns_left = 0;
    bool queued = false;  // it believes to own the entry of `ticket`
    std::uint8_t ticket = 0;
    bool asleep = false;   // its futex word, which others reset
    bool holding = false;  // ghost: acquired and not released
    // What the current step sequence remembers.
    Pc after = Pc::kDone;
    Purpose purpose = Purpose::kNone;
    bool judged_dead = false;
    Word seen{};
    Entry entry{};
    std::uint8_t scan = 0;
    bool has_found = false;
  };

  struct State {
    Word word{};
    std::uint8_t head = 0;
    std::uint8_t tail = 0;
    std::array<Entry, kRingMax> entries{};
    std::array<std::uint8_t, kProcessesMax> generations{};
    std::uint8_t recovery = 0;  // 1 + the process that holds the byte
    bool damaged = false;       // ghost: a holder died inside, nobody has repaired since
    std::uint8_t kills = 0, restarts = 0, stops = 0, cancels = 0, evictions = 0;  // used up
    std::array<Process, kProcessesMax> processes{};
  };

  [[nodiscard]] State initial() const;
  void steps(const State& now, Steps<State>& emit) const;
  [[nodiscard]] std::string violation(const State& now) const;
  [[nodiscard]] bool goal(const State& now) const;
};

}  // namespace tidelock::models
