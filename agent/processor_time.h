#pragma once

namespace tidelock::agent {

// What the processors of the machine did, in seconds of one of them, since the boot.
struct ProcessorTime {
  double busy = 0;  // for anybody; 0 where the kernel does not tell
  double own = 0;   // for this process, and for children that have ended and were waited for
};
[[nodiscard]] ProcessorTime processor_time();

// How much of what they did between two moments was for others, from 0 to 1: then all that
// happened in between may have taken so much longer.
[[nodiscard]] double share_of_others(const ProcessorTime& begin, const ProcessorTime& end) noexcept;

}  // namespace tidelock::agent
