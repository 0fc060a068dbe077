#pragma once

#include <memory>
#include <string>

#include "agent/stores/store.h"

namespace tidelock::agent {

[[nodiscard]] Result<std::unique_ptr<Store>> open_leveldb(const StoreOptions& options);
[[nodiscard]] std::string leveldb_version();

}  // namespace tidelock::agent
