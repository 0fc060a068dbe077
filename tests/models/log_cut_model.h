#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "models/explorer.h"

// What a power cut leaves of the logs, and what replay makes of it, over several lives of the
// database: a life ends by a power cut, by the death of all processes, or by a clean close.
//
// Of what was not synced any part may survive a cut: each directory entry, header and record by
// itself, and of a record that was written over another either one. All contents are equal, since
// the worst case is a client that writes again what a cut took from it. LSNs count records.
//
// In each life one process appends and rolls, another syncs; shared state lives as long as they.
namespace tidelock::models {

struct LogCutModel {
  static constexpr int kLogs = 6;
  static constexpr int kSlots = 3;  // records that fit into a log
  static constexpr int kRecordsMax = 5;
  static constexpr std::uint8_t kNone = 0xff;

  // One rule left out at a time.
  enum class Broken : std::uint8_t {
    kNothing,
    kUnchained,              // step 3: records have a checksum of their own only
    kKnownUnchecked,         // step 3: the D in records behind a bad one says nothing
    kNewestLogOnly,          // C2: only the log of E is synced
    kEmptyLogsSkipped,       // C2: nor is a log that ends at D
    kNoDirectorySync,        // C2: the directory is not
    kPredecessorUnnamed,     // C9: a log is taken whatever the one before ended with
    kEndsWithItsRecords,     // C9, P2: a log goes on behind the position its successor names
    kHeaderEndsPredecessor,  // C9, P3: even a successor that nobody ever appended to
    kAppendsToReplayed,      // O4: the new life goes on in the last log
    kDurableUnsynced,        // O4: D starts at the recovered point without an fdatasync
    kSealBeforeSync,         // O6
    kSealTrustsD,            // O6: nothing is synced when D = E already
    kSealUnchecked,          // O6: replay need not pass the seal
  };

  enum class Bytes : std::uint8_t { kNothing, kDirty, kOnDisk, kDamaged };
  enum class Phase : std::uint8_t { kDown, kReplayed, kBegun, kRunning, kReported };
  enum class Wrong : std::uint8_t { kNothing, kLost, kGap, kRevived, kFalseReport, kSilentLoss };

  struct Record {
    std::uint32_t chain = 0;  // stands for all records up to this one; 0: not a record
    Bytes bytes = Bytes::kNothing;
    std::uint8_t known = 0;      // D when it was written
    std::uint8_t over_dead = 0;  // written over the record of a dead writer, and not synced since
    std::uint8_t unused = 0;
  };
  struct Log {
    std::uint32_t chain = 0;  // the predecessor's at `base`
    std::uint8_t base = 0;    // LSN
    std::uint8_t previous = kNone;
    std::uint8_t salt = 0;
    std::uint8_t exists = 0;
    std::uint8_t entry_on_disk = 0;
    Bytes header = Bytes::kNothing;
    std::uint8_t unused[2] = {};
    std::array<Record, kSlots> records{};
  };
  struct State {
    std::array<Log, kLogs> logs{};
    Phase phase = Phase::kRunning;
    Wrong wrong = Wrong::kNothing;
    std::uint8_t end = 0;           // E
    std::uint8_t durable = 0;       // D
    std::uint8_t active = 0;        // the log that the view names
    std::uint8_t prepared = kNone;  // the log that a roll is about to publish
    std::uint8_t syncing = kNone;   // the log that a sync has come to
    std::uint8_t sync_last = 0;     //   the last one it will sync
    std::uint8_t sync_to = 0;       //   and the E it began with
    std::uint8_t seal = 0;          // LSN, in the manifest, on disk
    std::uint8_t seal_log = 0;
    std::uint8_t salts = 0;     // given out
    std::uint8_t promised = 0;  // what the checks remember: acknowledged as durable
    std::uint8_t damaged = 0;
    std::uint8_t cuts = 0, exits = 0, deaths = 0, rolls = 0, appends = 0, damages = 0;
    std::uint32_t seal_chain = 0;
    std::uint32_t dead_chain = 0;  // of the record that a writer copied, and died
    std::array<std::uint32_t, kRecordsMax + 1> history{};  // chain value at each LSN up to E
  };

  Broken broken = Broken::kNothing;
  std::uint8_t cuts = 2;
  std::uint8_t exits = 1;   // ends of a life without a cut: all die, or the last closes cleanly
  std::uint8_t deaths = 1;  // of a writer in the middle of an append
  std::uint8_t rolls = 1;
  std::uint8_t appends = 3;
  std::uint8_t damages = 0;  // of records on disk

  [[nodiscard]] State initial() const;
  void steps(const State& now, Steps<State>& emit) const;
  [[nodiscard]] std::string violation(const State& now) const;
  [[nodiscard]] bool goal(const State& now) const;
};

}  // namespace tidelock::models
