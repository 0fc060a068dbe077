#pragma once

#include <chrono>
#include <cstdint>

namespace tidelock::agent {

// Nanoseconds of the machine's monotonic clock: never 0, comparable between its processes.
[[nodiscard]] inline std::uint64_t now_ns() noexcept {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

[[nodiscard]] constexpr std::uint64_t in_ns(std::chrono::milliseconds duration) noexcept {
  return static_cast<std::uint64_t>(duration.count()) * 1'000'000;
}

}  // namespace tidelock::agent
