#pragma once

#include <chrono>
#include <cstdint>

#include "tidelock/wait.h"

namespace tidelock::lock {

// The pause after failed attempt number `attempt` (0 = the first). A pure function: `random` is any
// 64 random bits, `previous` the pause before (the base, before the first). Never negative, never
// above the cap.
[[nodiscard]] std::chrono::nanoseconds backoff_delay(const Backoff& backoff, std::uint32_t attempt,
                                                     std::chrono::nanoseconds previous,
                                                     std::uint64_t random) noexcept;

}  // namespace tidelock::lock
