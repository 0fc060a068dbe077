#pragma once

#include <variant>

#include "lockd/settings.h"

namespace tidelock::lockd {

// Reads the configuration file anew with each call. Prints nothing.
[[nodiscard]] std::variant<Settings, Answer> parse_command_line(int argc, const char* const* argv);

}  // namespace tidelock::lockd
