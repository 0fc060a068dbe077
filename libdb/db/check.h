#pragma once

#include "lsm/engine.h"
#include "tidelock/db.h"

namespace tidelock {

[[nodiscard]] Result<CheckReport> check_database(lsm::Engine& engine);

}  // namespace tidelock
