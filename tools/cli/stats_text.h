#pragma once

#include <string>

#include "cli/json_bytes.h"
#include "tidelock/db.h"

// `Stats` and `CheckReport` for people and for programs. Pure functions. JSON members bear the
// names of the struct's, and may grow in number.
namespace tidelock::cli {

[[nodiscard]] std::string stats_text(const Stats& stats, bool tables);
[[nodiscard]] Json stats_json(const Stats& stats, bool tables);

[[nodiscard]] std::string check_text(const CheckReport& report);
[[nodiscard]] Json check_json(const CheckReport& report);

}  // namespace tidelock::cli
