#pragma once

#include "agent/shootout/figures.h"
#include "agent/shootout/settings.h"

namespace tidelock::agent::shootout {

// All runs, in turn; says on standard error how each went. kIo: no directory could be made.
[[nodiscard]] Result<Comparison> compare(const Settings& settings);

}  // namespace tidelock::agent::shootout
