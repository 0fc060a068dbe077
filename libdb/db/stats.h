#pragma once

#include "lsm/engine.h"
#include "tidelock/db.h"

namespace tidelock {

[[nodiscard]] Result<Stats> collect_stats(lsm::Engine& engine);

}  // namespace tidelock
