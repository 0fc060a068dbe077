#pragma once

#include <chrono>
#include <cstdint>

#include "tidelock/wait.h"

namespace tidelock::lock {

// By which rules one member passes the lock on. Each decides for itself; what it changes is who is
// served how soon, not what is safe.
struct Discipline {
  // Implicit: the rest is right where a turn is short and a change of hands costs little more than
  // the switch to another process.
  Discipline(Handover order) noexcept : handover(order) {}  // NOLINT(google-explicit-constructor)

  Handover handover;
  // Bounded order: how often in a row a member takes the lock before the first waiter while that
  // has been woken and does not run ...
  std::uint32_t turns_in_a_row = 32;
  // ... and how long that, once it runs, sees others take the lock before it asks for it. What is
  // more than the bound on bypasses (0.5 ms) counts as that.
  std::chrono::nanoseconds overtaking_max = std::chrono::microseconds(20);
};

}  // namespace tidelock::lock
