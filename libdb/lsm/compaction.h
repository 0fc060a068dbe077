#pragma once

#include "lsm/catalog.h"
#include "lsm/context.h"
#include "lsm/flush.h"
#include "lsm/patience.h"
#include "tidelock/options.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// Merges tables of one level into the next. The right to do so are the `compaction` bytes of both
// levels, lower first, taken without waiting: so only the holder of byte L-1 adds to level L (rule
// F3), and nobody else takes tables away from it meanwhile. The installation checks all the same
// that the inputs are live and the outputs overlap nothing: a job that was stopped for an hour
// throws its outputs away.
//
// Killed on the way: outputs that nobody names, which a sweep removes, or inputs that nobody names
// any more, likewise.

// The most urgent compaction that is due and not being done.
[[nodiscard]] Result<JobResult> compact_most_urgent(Context& context, Catalog& catalog,
                                                    std::size_t level0_trigger,
                                                    const Patience& patience);

// Moves everything in the range from `level` one level down. kNothing: it holds nothing there.
[[nodiscard]] Result<JobResult> compact_range(Context& context, Catalog& catalog,
                                              std::uint32_t level, const KeyRange& range,
                                              const Patience& patience);

}  // namespace tidelock::lsm
