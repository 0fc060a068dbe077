#pragma once

#include <cstdint>
#include <optional>

#include "lsm/context.h"
#include "lsm/new_memtable.h"
#include "os/clock.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// The log and arena that the next roll takes. They are made beforehand, outside the writer lock,
// so that a full disk is an error before anything is written, and a roll costs no more than two
// stores. Making them is a job with a byte of its own, `prepare`.
//
// Killed while making them: files that nobody names, which a sweep removes. Killed after naming
// them: a spare. A roll takes the spare by compare-and-swap, so it is taken once.
struct SpareFiles {
  std::uint64_t number = 0;
  MemtableSizes sizes;
  std::uint64_t arena_nonce = 0;
};

// The spare, if there is one that may follow the active log `active_number`.
[[nodiscard]] std::optional<SpareFiles> find_spare(const state::Layout& shared,
                                                   std::uint64_t active_number);

// Sees to it that there is a spare of at least these sizes; one that is smaller is replaced. Waits
// for another process that is making one. kTimedOut, kNoSpace, ...
[[nodiscard]] Status prepare_spare(Context& context, const MemtableSizes& sizes,
                                   const os::Deadline& deadline);

void remove_spare_files(const Context& context, std::uint64_t number);

}  // namespace tidelock::lsm
