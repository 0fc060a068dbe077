#pragma once

#include <string>

#include "cli/json_bytes.h"
#include "tidelock/repair.h"

// `RepairReport` for people and for programs. Pure functions.
namespace tidelock::cli {

// A line for each finding, then a summary.
[[nodiscard]] std::string repair_text(const RepairReport& report);
[[nodiscard]] Json repair_json(const RepairReport& report);

}  // namespace tidelock::cli
