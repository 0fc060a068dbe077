#pragma once

#include <string>

#include "tidelock/db.h"

namespace tidelock {

[[nodiscard]] Result<RepairReport> repair_database(const std::string& damaged,
                                                   const std::string& into, const Options& options);

}  // namespace tidelock
