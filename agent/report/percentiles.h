#pragma once

#include <cstdint>
#include <vector>

#include "agent/histogram.h"

namespace tidelock::agent {

struct Percentiles {  // in the unit of what they are of
  double p50 = 0, p99 = 0, p999 = 0, max = 0;
};
[[nodiscard]] Percentiles percentiles(std::vector<std::uint64_t> values_ns, double unit_ns);
[[nodiscard]] Percentiles microseconds(const Histogram& histogram);

// The curve of a histogram up to where one of its durations stands alone: at place i the duration,
// in us, that a share 1 - 10^(-i / kCurveStepsPerNine) does not exceed. Place 0 is the shortest,
// 8 lies at 90 %, 16 at 99 %.
inline constexpr std::uint32_t kCurveStepsPerNine = 8;
[[nodiscard]] std::vector<double> percentile_curve_us(const Histogram& histogram);

}  // namespace tidelock::agent
