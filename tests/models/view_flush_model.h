#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "models/explorer.h"

// Views, rolls, flush, compaction and sweep: processes that publish the two halves of the view,
// install tables and remove files, while others read.
//
// Every operation writes one shared key, and a key of its own besides; the operation `tombstone`
// erases the shared key instead. So a source of data is a set of own keys and the newest operation
// on the shared one, and all tables overlap. A memtable's number stands for its log and its arena.
//
// A put is one step (the commit model shows how), and so is the publication of half a view (the
// same model shows a cell and a word). Bytes of LOCK are dropped by the kernel when a process
// dies; the writer lock goes to the next one, who finds what a roll left.
namespace tidelock::models {

struct ViewFlushModel {
  static constexpr int kProcesses = 3;
  static constexpr int kMemtables = 4;  // numbers 1 to 3
  static constexpr int kTables = 8;     // numbers 0 to 7
  static constexpr int kLevels = 3;
  static constexpr std::uint8_t kFree = 0xff;

  // One rule left out at a time.
  enum class Broken : std::uint8_t {
    kNothing,
    kNotCompared,          // V1: the numbers of the halves are not compared after V is loaded
    kTablesFirst,          // V1: nor is the memtable half loaded first
    kTailUnread,           // V3: picks and sweeps go by the table half, not by the manifest's tail
    kTailUnsynced,         // V3, C6: a dead installer's edit is published as it was found
    kRenameUnsynced,       // V3, C6: and so is a manifest that CURRENT names since his death
    kFlushOutOfOrder,      // F1
    kLevel0ByFileNumber,   // F2
    kInstallUnchecked,     // F3
    kNamesBeforeLocks,     // F4: what is named is gathered before the locks are held
    kSpareUnnamed,         // F4: the shared state does not name a prepared memtable
    kUnlinkBeforePublish,  // section 7: inputs go before the table half stops naming them
  };

  // What a process may do, as bits.
  static constexpr std::uint8_t kPuts = 1;
  static constexpr std::uint8_t kRolls = 2;
  static constexpr std::uint8_t kFlushes = 4;
  static constexpr std::uint8_t kCompacts = 8;
  static constexpr std::uint8_t kSweeps = 16;
  static constexpr std::uint8_t kReads = 32;

  enum class Job : std::uint8_t { kNone, kRoll, kFlush, kCompact0, kCompact1, kSweep, kRead };
  enum class At : std::uint8_t {
    kIdle,
    // Preparing a memtable, under its byte; then the roll, under the writer lock
    kCreates,
    kOffers,
    kPublishesMemtables,
    kTakesSpare,
    // Flush, compaction and sweep, under their bytes
    kLocksManifest,
    kWritesManifest,  // V3, C6: anew, since its tail may not be on disk; renames CURRENT
    kSyncsDirectory,
    kCatchesUp,  // V3: the table half
    kPicks,
    kBuilds,
    kInstalls,  // checks, and appends the edit
    kSyncs,
    kPublishesTables,
    kUnlinks,
    kEnds,
    // Sweep
    kGathers,
    kLocksAll,
    kSweeps,
    // Read
    kLoadsMemtables,
    kLoadsTables,
    kOpens,
    kLoadsV,
    kCompares,
    kDead,
  };
  enum class Wrong : std::uint8_t { kNothing, kStaleInputs, kFileGone, kTornRead, kNoSuchSpare };

  struct Version {
    std::array<std::uint8_t, kTables> level{};  // of each table plus one; 0: not live
    std::uint8_t oldest = 1;                    // memtable that is not in tables
    bool operator==(const Version&) const = default;
  };
  struct Memtables {
    std::uint8_t first = 1;  // sealed ones from here on
    std::uint8_t active = 1;
    bool operator==(const Memtables&) const = default;
  };
  struct Table {
    std::uint8_t there = 0;     // the file
    std::uint8_t own = 0;       // bit n: has the own key of operation n
    std::uint8_t shared = 0;    // the newest operation on the shared key; 0: none
    std::uint8_t memtable = 0;  // which became it
  };
  struct Output {
    std::uint8_t table = 0;
    std::uint8_t memtable = 0;  // flush: its input
  };
  struct Process {
    Job job = Job::kNone;
    At at = At::kIdle;
    std::uint8_t stopped = 0;
    std::uint8_t picked = 0;  // the next visit to the manifest is to install
    std::uint8_t inputs = 0;  // of a compaction: bit t
    std::uint8_t bottom = 0;  //   nothing lies below its output
    Output output{};
    Output waiting{};  // of a flush: written too early, to be installed after `output`
    // A reader's copies, or what a sweeper gathered
    Memtables memtables{0, 0};
    Version tables{{}, 0};
    std::uint8_t publication = 0;
    std::uint8_t visible = 0;
    std::uint8_t spare = 0;
  };
  struct State {
    std::array<std::uint8_t, kMemtables> memtable_there{};  // files
    std::array<std::uint8_t, kMemtables> begins{};          // first operation
    std::array<Table, kTables> tables{};
    Version on_disk{};             // what the manifest says after a power cut
    Version tail{};                //   and when it is read to its end
    std::uint8_t renamed = 0;      //   CURRENT names a new one, its directory is not synced
    Version published{};           // table half
    std::uint8_t publication = 0;  //   and its number
    Memtables memtables{};         // memtable half
    std::uint8_t spare = 0;        // a memtable prepared for the next roll
    std::uint8_t visible = 1;      // V
    std::uint8_t memtables_made = 1;
    std::uint8_t tables_made = 1;
    std::uint8_t writer = kFree;  // the writer lock; then bytes of LOCK
    std::uint8_t manifest = kFree;
    std::uint8_t prepare = kFree;
    std::uint8_t flush = kFree;
    std::array<std::uint8_t, 2> compaction = {kFree, kFree};
    std::uint8_t puts = 0, kills = 0, stops = 0;
    Wrong wrong = Wrong::kNothing;
    std::array<Process, kProcesses> processes{};
  };

  Broken broken = Broken::kNothing;
  std::array<std::uint8_t, kProcesses> may{};
  std::uint8_t puts = 2;
  std::uint8_t tombstone = 2;
  std::uint8_t sealed = 0;  // memtables sealed from the start, of one operation each
  std::uint8_t memtables_max = 3;
  std::uint8_t tables_max = kTables;
  std::uint8_t kills = 1;
  std::uint8_t stops = 0;

  [[nodiscard]] State initial() const;
  void steps(const State& now, Steps<State>& emit) const;
  [[nodiscard]] std::string violation(const State& now) const;
  [[nodiscard]] bool goal(const State& now) const;
};

}  // namespace tidelock::models
