#pragma once

#include <memory>
#include <string>

#include "agent/stores/store.h"

namespace tidelock::agent {

[[nodiscard]] Result<std::unique_ptr<Store>> open_lmdb(const StoreOptions& options);
[[nodiscard]] std::string lmdb_version();

}  // namespace tidelock::agent
