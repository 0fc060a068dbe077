#pragma once

#include <cstdint>

namespace tidelock::agent {

// An operation by its name, as its value tells it: whose journal, which entry.
struct OperationId {
  std::uint32_t writer = 0;
  std::uint64_t counter = 0;
};

}  // namespace tidelock::agent
