#pragma once

#include <chrono>

#include "os/clock.h"

namespace tidelock::test {

// Waits for a fact that another thread or process brings about. False if it does not come true in
// time: far more than it needs on the slowest machine.
template <typename Fact>
[[nodiscard]] bool comes_true(const Fact& fact,
                              std::chrono::milliseconds wait = std::chrono::milliseconds(20'000)) {
  const os::Deadline deadline = os::Deadline::after(wait);
  while (!fact()) {
    if (deadline.expired()) return fact();
    os::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

}  // namespace tidelock::test
