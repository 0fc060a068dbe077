#pragma once

#include "agent/history/recorded.h"
#include "agent/history/violation.h"

namespace tidelock::agent::history {

// Does every point in the commit order show all of each batch, or nothing of it? Asked of times
// alone, so of stores, too, that do not number their commits. A point at which a write of a batch
// was found lies behind the whole batch. What it finds under another key of the batch is therefore
// the batch's own or came behind it; contradicted is, under such a key,
//   - what was there before the run, or a write that had ended before the batch began;
//   - nothing, if no erase of the key may have come behind the batch's begin and before the point;
//   - a write of another batch which wrote both keys, too.
void check_batches(const Recorded& recorded, Violations& violations);

}  // namespace tidelock::agent::history
