#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "models/explorer.h"

// Durable commits and the kernel's memory of failed write-backs: who may raise D, and when.
//
// Threads, of one process each or two of one process, make a durable commit, or only sync what
// others committed. An append and its commit are one step, since the commit model shows how; the
// second log begins at `roll_at`. LSNs count records. Nobody needs to lead (C4), so whoever waits
// may sync at any time; the leader's word in STATE only keeps all from doing so at once.
//
// The kernel, at its worst (ext4, XFS and Btrfs behave so): a write-back that fails leaves its
// pages clean, so that the next fdatasync has nothing to write; the pages hold the bytes until the
// kernel drops them. The error is reported once through each descriptor that was open then, and
// through one opened later only as long as nobody has been told. An fdatasync may meet the failure
// itself, or the kernel did in the background.
namespace tidelock::models {

struct SyncModel {
  static constexpr int kThreads = 3;
  static constexpr int kRecordsMax = 4;
  static constexpr int kLogs = 2;
  static constexpr std::uint8_t kNobody = 0xff;
  static constexpr std::uint8_t kNever = 0xff;

  // One rule left out at a time.
  enum class Broken : std::uint8_t {
    kNothing,
    kNewestLogOnly,      // C2
    kNoDirectorySync,    // C2
    kLateTrusted,        // C3: a descriptor vouches for bytes that were there before it
    kOnlyDeadSuspected,  // C3 as first drafted: only a dead leader's successor writes them again
    kUnverified,         // C3: bytes are written over themselves without a look at the chain
    kThreadsApart,       // C3: threads share a descriptor and do not wait for each other's result
    kPlainStore,         // C4
  };

  enum class Bytes : std::uint8_t {
    kNothing,
    kDirty,
    kClean,    // in memory only: a write-back failed
    kDropped,  // and not even there any more
    kOnDisk,
    kWrong,  // dropped bytes, written over themselves
  };
  enum class Descriptor : std::uint8_t { kClosed, kOpen, kOwedAnError };
  enum class At : std::uint8_t {
    kAdopts,    // opens the live log
    kAppends,   // under the writer lock: perhaps a roll, a record, the commit
    kWaits,     // for D
    kBegins,    // a sync: takes the mutex of its process, loads D and E
    kVerifies,  // reads what its descriptor does not vouch for
    kRewrites,  // and writes it over itself
    kSyncs,     // fdatasync of `log`
    kSyncsDirectory,
    kRaises,  // D, and leaves the mutex
    kFails,   // stores the sticky error, and leaves the mutex
    kDone,
    kDead,
  };

  struct Thread {
    At at = At::kAdopts;
    std::uint8_t lsn = 0;       // of its record
    std::uint8_t from = 0;      // D when its sync began
    std::uint8_t to = 0;        // E
    std::uint8_t log = 0;       // that it has come to
    std::uint8_t suspects = 0;  // took over from a dead leader
    std::uint8_t stopped = 0;
  };
  struct Process {
    std::array<Descriptor, kLogs> descriptor{};
    std::array<std::uint8_t, kLogs> late{};  // E when it was opened; 0 once written again
    std::uint8_t mutex = kNobody;            // the thread inside
  };
  struct State {
    std::array<Bytes, kRecordsMax> record{};
    std::array<std::uint8_t, kLogs> entry_on_disk = {1, 0};
    std::array<std::uint8_t, kLogs> untold{};  // a failure in the background
    std::uint8_t second_base = kNever;         // where the second log begins
    std::uint8_t end = 0;                      // E
    std::uint8_t durable = 0;                  // D
    std::uint8_t failed = 0;                   // the sticky error
    std::uint8_t leader = kNobody;             // kept for kOnlyDeadSuspected alone
    std::uint8_t promised = 0;                 // what the checks remember: acknowledged
    std::uint8_t kills = 0, stops = 0, failures = 0;
    std::array<Process, kThreads> processes{};
    std::array<Thread, kThreads> threads{};
  };

  Broken broken = Broken::kNothing;
  std::array<std::uint8_t, kThreads> process_of = {0, 1, 2};
  std::array<bool, kThreads> appends = {true, true, false};
  std::uint8_t roll_at = 1;
  std::uint8_t kills = 1;
  std::uint8_t stops = 0;
  std::uint8_t failures = 1;

  [[nodiscard]] State initial() const;
  void steps(const State& now, Steps<State>& emit) const;
  [[nodiscard]] std::string violation(const State& now) const;
  [[nodiscard]] bool goal(const State& now) const;
};

}  // namespace tidelock::models
