#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "tidelock/status.h"

namespace tidelock::cli {

// Lines to show, or why there are none.
using Picture = std::function<Result<std::string>()>;

// Shows the picture on the terminal at standard output, anew after each interval, until q or
// Ctrl-C: then kOk. The screen is given back as it was, also when a picture fails, when the program
// is stopped by Ctrl-Z, and when SIGTERM, SIGHUP or SIGQUIT end it. Lines that do not fit are cut.
[[nodiscard]] Status watch(std::chrono::milliseconds interval, const Picture& picture);

}  // namespace tidelock::cli
