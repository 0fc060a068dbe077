#pragma once

#include <variant>

#include "agent/compaction/settings.h"
#include "agent/contend/settings.h"
#include "agent/generate.h"
#include "agent/report/ratios.h"
#include "agent/settings.h"
#include "agent/shootout/settings.h"

namespace tidelock::agent {

// The settings of the command that a command line asks for; or, when there is nothing to run, the
// exit code of a program that has said why (help, version, or a mistake, which is exit code 2).
using Request = std::variant<Settings, contend::Settings, CompareSettings, shootout::Settings,
                             compaction::Settings, GenerateSettings, int>;
[[nodiscard]] Request parse_command_line(int argc, const char* const* argv);

}  // namespace tidelock::agent
