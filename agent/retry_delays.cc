#include "agent/retry_delays.h"

#include <algorithm>

namespace tidelock::agent {

using std::chrono::microseconds;

namespace {

microseconds uniform(microseconds low, microseconds high, Random& random) noexcept {
  const auto span = static_cast<double>((high - low).count() + 1);
  return low + microseconds(static_cast<microseconds::rep>(random.unit() * span));
}

}  // namespace

RetryDelays::RetryDelays(const Backoff& backoff) noexcept
    : backoff_(backoff),
      ceiling_(std::min(backoff.base, backoff.cap)),
      previous_(std::min(backoff.base, backoff.cap)) {}

microseconds RetryDelays::next(Random& random) noexcept {
  const microseconds delay = ceiling_;
  ceiling_ = ceiling_ > backoff_.cap / 2 ? backoff_.cap : ceiling_ * 2;
  switch (backoff_.jitter) {
    case Backoff::Jitter::kNone:
      return delay;
    case Backoff::Jitter::kFull:
      return uniform(microseconds(0), delay, random);
    case Backoff::Jitter::kEqual:
      return delay / 2 + uniform(microseconds(0), delay / 2, random);
    case Backoff::Jitter::kDecorrelated:
      break;
  }
  const microseconds low = std::min(backoff_.base, backoff_.cap);
  previous_ = std::min(backoff_.cap, uniform(low, std::max(low, previous_ * 3), random));
  return previous_;
}

}  // namespace tidelock::agent
