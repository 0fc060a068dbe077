#pragma once

#include <chrono>

#include "agent/random.h"
#include "tidelock/wait.h"

namespace tidelock::agent {

// How long a client sleeps before it tries a refused write again: the delays of one write, the
// first of them first. Formulas: `Backoff::Jitter`.
class RetryDelays {
 public:
  explicit RetryDelays(const Backoff& backoff) noexcept;
  // At most `backoff.cap`.
  [[nodiscard]] std::chrono::microseconds next(Random& random) noexcept;

 private:
  Backoff backoff_;
  std::chrono::microseconds ceiling_;   // base * 2^n up to cap
  std::chrono::microseconds previous_;  // for kDecorrelated
};

}  // namespace tidelock::agent
