#pragma once

#include <memory>
#include <string>

#include "agent/stores/store.h"

namespace tidelock::agent {

[[nodiscard]] Result<std::unique_ptr<Store>> open_berkeleydb(const StoreOptions& options);
[[nodiscard]] std::string berkeleydb_version();

}  // namespace tidelock::agent
