#pragma once

#include <memory>

#include "agent/stores/store.h"

namespace tidelock::agent {

[[nodiscard]] Result<std::unique_ptr<Store>> open_berkeleydb(const StoreOptions& options);

}  // namespace tidelock::agent
