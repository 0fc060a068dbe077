#pragma once

#include <chrono>
#include <cstdint>
#include <fstream>

namespace tidelock::test {

// For how long this thread could have run and did not, in all its life.
[[nodiscard]] inline std::chrono::nanoseconds kept_off_the_processor() {
  std::int64_t ran = 0;
  std::int64_t delayed = 0;
  std::ifstream("/proc/thread-self/schedstat") >> ran >> delayed;
  return std::chrono::nanoseconds(delayed);
}

}  // namespace tidelock::test
