#pragma once

#include <variant>

#include "lockd/settings.h"

namespace tidelock::lockd {

// Settings, or the code to exit with after help, the version or a complaint was printed. Reads the
// configuration file anew with each call.
[[nodiscard]] std::variant<Settings, int> parse_command_line(int argc, const char* const* argv);

}  // namespace tidelock::lockd
