#pragma once

#include <memory>
#include <string>

#include "agent/stores/store.h"

namespace tidelock::agent {

[[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite(const StoreOptions& options);
[[nodiscard]] std::string sqlite_version();

}  // namespace tidelock::agent
