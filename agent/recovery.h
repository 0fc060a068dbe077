#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "agent/journal.h"

namespace tidelock::agent {

// For each of `moments` (ascending), how long after it any writer was next acknowledged a write,
// in ns; moments that no acknowledgement followed are left out. Linear in the journals.
[[nodiscard]] std::vector<std::uint64_t> gaps_until_next_acknowledgement(
    std::span<const Journal> journals, std::span<const std::uint64_t> moments);

}  // namespace tidelock::agent
