#pragma once

#include <cstdint>
#include <span>

#include "agent/history/violation.h"
#include "agent/journal.h"
#include "agent/read_log.h"

namespace tidelock::agent::history {

// What the whole history of a run was found to be, after its end.
struct Verification {
  std::uint64_t readings = 0;    // of one key each
  std::uint64_t snapshots = 0;   // points in the commit order that say which they are
  std::uint64_t walks = 0;       // other points with more than one reading
  std::uint64_t writes = 0;      // operations that may have happened
  std::uint64_t batches = 0;     // of more than one of them
  std::uint64_t unanswered = 0;  // writes of the dead that were seen later
  std::uint64_t bounded = 0;     // writes of the dead of which is known when they were over
  Violations violations;
};

[[nodiscard]] Verification verify(std::span<const Journal> journals, std::span<const ReadLog> logs,
                                  std::uint32_t key_count);

}  // namespace tidelock::agent::history
