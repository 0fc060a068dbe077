#pragma once

#include <variant>

#include "agent/settings.h"

namespace tidelock::agent {

// The settings a command line asks for; or, when there is nothing to run, the exit code of a
// program that has said why (help, version, or a mistake, which is exit code 2).
[[nodiscard]] std::variant<Settings, int> parse_command_line(int argc, const char* const* argv);

}  // namespace tidelock::agent
