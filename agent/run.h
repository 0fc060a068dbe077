#pragma once

#include "agent/settings.h"

namespace tidelock::agent {

// Does everything `tidelock-agent run` is asked for; prints the report to standard output and
// errors to standard error. The result is the program's exit code.
[[nodiscard]] int run_agent(Settings settings);

}  // namespace tidelock::agent
