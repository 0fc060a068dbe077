#pragma once

#include "agent/shootout/settings.h"

namespace tidelock::agent::shootout {

// Runs the shootout, prints and writes its reports. The result is the exit code.
[[nodiscard]] int run_shootout(const Settings& settings);

}  // namespace tidelock::agent::shootout
