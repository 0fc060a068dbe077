#pragma once

#include <cstdint>

#include "lsm/catalog.h"
#include "lsm/context.h"
#include "lsm/patience.h"
#include "lsm/table_writer.h"
#include "memtable/memtable.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

enum class JobResult : std::uint8_t {
  kDone,     // something was done; there may be more
  kNothing,  // nothing is due
  kTaken,    // another process, or another thread, is at it
};

// Writes the oldest sealed memtable to a level-0 table and installs it, oldest first (rule F1).
// The right to do so is the `flush` byte; killed on the way, another process does it again. The log
// is the truth: what a stray store has damaged in the arena comes from there.
//
// D is raised to the end of the memtable's log by the installation itself, after the table and the
// edit are synced and before the table can be read; so the log need not be synced.
//
// `patience` limits how long it waits for others who install something; its own work is not
// limited.
[[nodiscard]] Result<JobResult> flush_oldest(Context& context, Catalog& catalog,
                                             const Patience& patience);

// Whether a sealed memtable waits.
[[nodiscard]] bool flush_is_due(const state::Layout& shared);

// Writes all entries of a memtable as one table; none if it is empty. Verifies each entry, and that
// no key is missing: kCorruption.
[[nodiscard]] Status write_memtable(const memtable::Memtable& memtable, TableWriter& writer);

}  // namespace tidelock::lsm
