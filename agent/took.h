#pragma once

#include <cstdint>

namespace tidelock::agent {

// When an operation was in progress. Zeroes if nobody looked at the clock.
struct Took {
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;
};

}  // namespace tidelock::agent
