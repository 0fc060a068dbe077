#pragma once

#include <cstdint>

#include "agent/random.h"
#include "agent/run_context.h"
#include "agent/workload/mix.h"
#include "agent/workload/pace.h"

// What each writer of a run means to do, and when.
namespace tidelock::agent {

// Of clients that only read, the reads alone.
[[nodiscard]] ActionMix mix_of(const Settings& settings, std::uint32_t writer);

// From where its predecessors left it: what was due while nobody was there to begin it is late, and
// not forgotten. Writers begin apart. Precondition: the pace is not unlimited.
[[nodiscard]] Schedule schedule_of(const Run& run, std::uint32_t writer);

// Operations that were due when the run ended, and that nobody had begun, are counted, and timed
// from then to the end. To be called when no client is left.
void note_never_begun(const Run& run, std::uint64_t end_ns, Random& random);

}  // namespace tidelock::agent
