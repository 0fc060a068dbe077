#include "lock/backoff.h"

#include <algorithm>

namespace tidelock::lock {

namespace {

using std::chrono::nanoseconds;

// Uniform in [low, high], from 64 random bits.
nanoseconds uniform(nanoseconds low, nanoseconds high, std::uint64_t random) {
  if (high <= low) return low;
  const auto width = static_cast<std::uint64_t>((high - low).count()) + 1;
  return low + nanoseconds(static_cast<std::int64_t>(random % width));
}

nanoseconds exponential(nanoseconds base, nanoseconds cap, std::uint32_t attempt) {
  nanoseconds delay = base;
  for (std::uint32_t i = 0; i < attempt && delay < cap && delay.count() != 0; ++i) delay *= 2;
  return std::min(delay, cap);
}

}  // namespace

nanoseconds backoff_delay(const Backoff& backoff, std::uint32_t attempt, nanoseconds previous,
                          std::uint64_t random) noexcept {
  // An hour at most, so that doubling, tripling and smaller units cannot overflow.
  constexpr std::chrono::microseconds kMax = std::chrono::hours(1);
  const nanoseconds cap = std::clamp(backoff.cap, std::chrono::microseconds(0), kMax);
  const nanoseconds base =
      std::min<nanoseconds>(std::clamp(backoff.base, std::chrono::microseconds(0), kMax), cap);
  const nanoseconds delay = exponential(base, cap, attempt);
  switch (backoff.jitter) {
    case Backoff::Jitter::kNone:
      return delay;
    case Backoff::Jitter::kFull:
      return uniform(nanoseconds(0), delay, random);
    case Backoff::Jitter::kEqual:
      return uniform(delay / 2, delay, random);
    case Backoff::Jitter::kDecorrelated:
      return std::min(cap, uniform(base, 3 * std::clamp(previous, base, cap), random));
  }
  return delay;
}

}  // namespace tidelock::lock
