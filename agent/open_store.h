#pragma once

#include <chrono>
#include <memory>
#include <thread>

#include "agent/run_context.h"
#include "agent/stores/store.h"

namespace tidelock::agent {

// How every part of the agent opens the store of a run.
[[nodiscard]] StoreOptions store_options(const Run& run);
[[nodiscard]] inline Result<std::unique_ptr<Store>> open_store(const Run& run) {
  return run.settings.store->open(store_options(run));
}

// Is this what a run on a disk that is to become full has to live with?
[[nodiscard]] inline bool is_expected(const Run& run, const Status& status) {
  return status.code() == StatusCode::kNoSpace && run.settings.disk_size != 0 &&
         run.state.go().load(std::memory_order_relaxed);
}

// Calls again until there is room, or the run is stopped.
template <typename Call>
[[nodiscard]] auto wait_for_room(const Run& run, Call call) {
  for (;;) {
    auto result = call();
    const bool stopped = run.state.stop().load(std::memory_order_relaxed);
    if (stopped || !is_expected(run, result.status())) return result;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace tidelock::agent
