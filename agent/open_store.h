#pragma once

#include <memory>

#include "agent/run_context.h"
#include "agent/stores/store.h"

namespace tidelock::agent {

// How every part of the agent opens the store of a run.
[[nodiscard]] StoreOptions store_options(const Run& run);
[[nodiscard]] inline Result<std::unique_ptr<Store>> open_store(const Run& run) {
  return run.settings.store->open(store_options(run));
}

}  // namespace tidelock::agent
