#pragma once

#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>

namespace tidelock::test {

// For how long this thread, or the first one of another process ("/proc/PID"), could have run and
// did not, in all its life. 0 if it is no more.
[[nodiscard]] inline std::chrono::nanoseconds kept_off_the_processor(
    const std::string& thread = "/proc/thread-self") {
  std::int64_t ran = 0;
  std::int64_t delayed = 0;
  std::ifstream(thread + "/schedstat") >> ran >> delayed;
  return std::chrono::nanoseconds(delayed);
}

}  // namespace tidelock::test
