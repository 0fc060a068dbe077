#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "agent/settings.h"

namespace tidelock::agent {

// A complaint about the first option that was given and means nothing without another; or none.
// For settings that are whole.
[[nodiscard]] std::string missing_need(const CLI::App& run, const Settings& settings);

}  // namespace tidelock::agent
