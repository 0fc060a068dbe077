#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "models/explorer.h"

// The write path under the writer lock, killed and stopped anywhere: append, commit, apply, show.
//
// Each process writes some batches of two operations. One step is one store into shared memory or
// into the log. A record is one unit of the log, so an LSN counts records; the copy of a record
// takes two steps, so that a death between them leaves half a record. An insertion into the
// memtable is one step, because rule R1 makes one store publish it.
//
// Readers need no process of their own: a reader that loaded V = v sees in every later state what
// `newest(memtable, key, v)` gives there, so the invariants ask it in every state for every v that
// was ever shown.
namespace tidelock::models {

struct CommitModel {
  static constexpr int kProcesses = 3;
  static constexpr int kKeys = 2;
  static constexpr int kRecordsMax = 5;
  static constexpr int kOperations = 2;  // of one batch
  static constexpr std::uint8_t kFree = 0xff;

  // One rule left out at a time.
  enum class Broken : std::uint8_t {
    kNothing,
    kWordInTwoStores,       // C1: the cell is switched first, the LSN after it
    kLiveCellOverwritten,   // C1: the cell in use is filled in place
    kNoRedo,                // step 1: A < E is ignored
    kRedoUnchecked,         // C5: redo inserts what is already there
    kShownBeforeApplied,    // step 6: V is raised to E's number
    kShownOutsideTheLock,   // step 6: V is raised after the release
    kInsertedBeforeCommit,  // steps 4 and 5 exchanged
    kAppliedBeforeInserted  // step 5: A is advanced first
  };

  enum class At : std::uint8_t {
    kOutside,     // between two batches
    kWaits,       // in the lock queue
    kLooks,       // 1. holds the lock, compares A with E
    kCopiesHead,  // 3. first half of the record behind E
    kCopiesBody,  //    second half
    kFillsLsn,    // 4. the idle commit cell
    kFillsSequence,
    kFillsChain,
    kSwitchesCell,  //    only if the word is broken in two
    kCommits,       //    the commit word
    kInserts,       // 5. operation `operation` of the record at `lsn`: one's own, or a redo
    kFillsApplied,  //    the idle cell of A
    kApplies,       //    the word of A
    kShows,         // 6. V
    kReleases,      // 7.
    kReturns,       //    acknowledges, outside the lock
    kDone,
    kDead,
  };

  struct Record {
    std::uint8_t halves = 0;    // 0 nothing, 1 torn, 2 whole
    std::uint8_t id = 0;        // which batch of which process
    std::uint8_t sequence = 0;  // of its first operation
    std::uint8_t previous = 0;  // the chain: the record it follows
  };
  struct Cell {
    std::uint8_t lsn = 0;
    std::uint8_t sequence = 0;  // last one given out
    std::uint8_t chain = 0;     // id of the last record
  };
  struct Position {  // E or A: a word and the two cells it chooses from
    std::uint8_t lsn = 0;
    std::uint8_t cell = 0;
    std::array<Cell, 2> cells{};

    const Cell& live() const { return cells[cell]; }
  };
  struct Process {
    At at = At::kOutside;
    std::uint8_t batch = 0;
    std::uint8_t operation = 0;
    std::uint8_t lsn = 0;        // the record being applied
    std::uint8_t committed = 0;  // one's own batch is in the log
    std::uint8_t stopped = 0;
  };
  struct State {
    std::array<Record, kRecordsMax> log{};
    Position end{};               // E
    Position applied{};           // A
    std::uint8_t visible = 0;     // V
    std::uint8_t holder = kFree;  // the lock word
    // Per key its versions, newest first, as sequence numbers.
    std::array<std::array<std::uint8_t, 2 * kRecordsMax>, kKeys> memtable{};
    std::array<Process, kProcesses> processes{};
    std::uint8_t kills = 0;
    std::uint8_t stops = 0;
    // What the checks remember; no process reads it.
    std::array<std::uint8_t, kRecordsMax> history{};  // ids in commit order
    std::uint8_t returned = 0;                        // highest number acknowledged
    std::uint8_t shown = 0;                           // highest V ever
  };

  Broken broken = Broken::kNothing;
  std::array<std::uint8_t, kProcesses> batches = {2, 2, 1};
  int kills = 2;
  int stops = 1;

  [[nodiscard]] State initial() const;
  void steps(const State& now, Steps<State>& emit) const;
  [[nodiscard]] std::string violation(const State& now) const;
  [[nodiscard]] bool goal(const State& now) const;
};

}  // namespace tidelock::models
