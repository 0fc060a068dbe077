#pragma once

#include "agent/contend/settings.h"

namespace tidelock::agent::contend {

// Does everything `tidelock-agent contend` is asked for; prints errors to standard error. The
// result is the program's exit code.
[[nodiscard]] int run_contend(const Settings& settings);

}  // namespace tidelock::agent::contend
