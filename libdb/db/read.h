#pragma once

#include <optional>
#include <string_view>

#include "lsm/view.h"
#include "tidelock/db.h"
#include "tidelock/status.h"

namespace tidelock {

// The key's value at a point: active memtable, sealed ones, level 0, deeper levels, newest first.
[[nodiscard]] Result<std::optional<PinnedValue>> read_key(const lsm::ReadPoint& point,
                                                          std::string_view key);

}  // namespace tidelock
