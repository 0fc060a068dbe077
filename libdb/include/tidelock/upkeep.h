#pragma once

#include <chrono>
#include <cstdint>

#include "tidelock/status.h"

// Keeping house for all who have a database open: see `Db::upkeep`.
namespace tidelock {

struct UpkeepOptions {
  // Does now what else is done from time to time, or while nobody writes: sync, sweep, put a
  // memtable of some size into a table, merge few tables.
  bool thorough = false;
};

// What one call of `Db::upkeep` did.
struct Upkeep {
  bool recovered = false;  // finished what a dead holder of the writer lock had left
  std::uint64_t flushes = 0;
  std::uint64_t compactions = 0;     // tables that were only moved to the next level included
  bool synced = false;               // periodic writes, if `thorough`; else a thread does it
  bool swept = false;                // files that killed processes left
  Status hindered;                   // the first thing that was due and failed; it is tried again
  std::chrono::nanoseconds next{0};  // when to call again; 0: more is due
};

}  // namespace tidelock
