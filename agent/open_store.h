#pragma once

#include <memory>

#include "agent/settings.h"
#include "agent/stores/store.h"

namespace tidelock::agent {

// How every part of the agent opens the store of a run.
[[nodiscard]] StoreOptions store_options(const Settings& settings);
[[nodiscard]] inline Result<std::unique_ptr<Store>> open_store(const Settings& settings) {
  return settings.store->open(store_options(settings));
}

}  // namespace tidelock::agent
