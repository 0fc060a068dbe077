#pragma once

#include <memory>

#include "agent/stores/store.h"

namespace tidelock::agent {

[[nodiscard]] Result<std::unique_ptr<Store>> open_leveldb(const StoreOptions& options);

}  // namespace tidelock::agent
