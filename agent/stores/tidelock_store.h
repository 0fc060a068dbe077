#pragma once

#include <memory>
#include <string>

#include "agent/stores/store.h"

namespace tidelock::agent {

[[nodiscard]] Result<std::unique_ptr<Store>> open_tidelock(const StoreOptions& options);
[[nodiscard]] std::string tidelock_version();

}  // namespace tidelock::agent
