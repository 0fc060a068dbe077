#pragma once

#include <functional>
#include <variant>

#include "lockd/log.h"
#include "lockd/settings.h"

namespace tidelock::lockd {

// Reads the settings again; a complaint if they cannot be used.
using ReadSettings = std::function<std::variant<Settings, Answer>()>;

// Keeps the databases until SIGTERM or SIGINT; SIGHUP reads the settings anew: databases, limits of
// holders and level of the log follow, the rest needs a restart. Precondition: this is the only
// thread. The exit code.
[[nodiscard]] int run_daemon(const Settings& settings, Log& log, const ReadSettings& read_again);

// Does what is due in each database, one after the other. The exit code of the first that failed.
[[nodiscard]] int run_once(const Settings& settings, Log& log);

}  // namespace tidelock::lockd
