#include "os/clock.h"

#include <time.h>

#include <algorithm>

namespace tidelock::os {

std::chrono::nanoseconds monotonic_now() noexcept {
  return std::chrono::steady_clock::now().time_since_epoch();
}

std::chrono::nanoseconds monotonic_coarse() noexcept {
  struct timespec now {};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

Deadline Deadline::after(std::chrono::milliseconds wait) noexcept {
  const std::chrono::nanoseconds now = monotonic_now();
  // Whoever asks for more than the clock can count waits for ever.
  if (wait >= std::chrono::duration_cast<std::chrono::milliseconds>(kNever - now)) return never();
  return Deadline(now + std::max(wait, std::chrono::milliseconds(0)));
}

bool Deadline::expired() const noexcept {
  return !is_never() && monotonic_now() >= at_;
}

std::chrono::nanoseconds Deadline::left() const noexcept {
  if (is_never()) return kNever;
  return std::max(at_ - monotonic_now(), std::chrono::nanoseconds(0));
}

void sleep_for(std::chrono::nanoseconds duration) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  const struct timespec request {
    static_cast<time_t>(seconds.count()), static_cast<long>((duration - seconds).count())
  };
  ::nanosleep(&request, nullptr);
}

}  // namespace tidelock::os
