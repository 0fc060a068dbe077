#pragma once

#include "agent/history/recorded.h"
#include "agent/history/violation.h"

namespace tidelock::agent::history {

// Does every read see one point in the order of the commits?
//
// A snapshot says which point it is: its sequence number. Snapshots order themselves so, and the
// other operations between them. For each batch w (an operation alone is one) this keeps bounds,
// w > low and w <= high, in sequence numbers:
//   low    of snapshots that had been taken before w began;
//          or that found something else under a key where a later snapshot found w;
//   high   of snapshots that were taken after w was acknowledged, or that found w; or, if w was not
//          answered, after its latest effect.
// A read that is none of a snapshot lies between those that ended before it and those that began
// after it. Then it is contradicted that
//   - of two snapshots, one after the other by the clock, the later has the lower number;
//   - one number shows two things under a key, or a value is found again after another was;
//   - low >= high, for a batch: so a part of it was seen where another part was not, too;
//   - a read at p found w, though w > p; or found something older than a w' <= p of its key.
void check_commit_order(const Recorded& recorded, Violations& violations);

}  // namespace tidelock::agent::history
