#pragma once

#include <vector>

#include "agent/contend/figures.h"
#include "agent/contend/phase.h"
#include "agent/contend/settings.h"
#include "agent/progress.h"

namespace tidelock::agent::contend {

// Runs all rounds, the entrants taking turns, and then each entrant's faults. An entrant that
// fails, or whose lock does not exclude, takes no further part. `settings.policies` is not looked
// at. Only in a process of one thread.
[[nodiscard]] Comparison compare(const Settings& settings, const std::vector<Entrant>& entrants,
                                 Progress& progress);

}  // namespace tidelock::agent::contend
