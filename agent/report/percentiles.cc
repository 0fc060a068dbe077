#include "agent/report/percentiles.h"

#include <algorithm>
#include <cmath>

namespace tidelock::agent {
namespace {

constexpr double kMicrosecond = 1e3;  // ns

double microseconds_at(const Histogram& histogram, double quantile) {
  return static_cast<double>(histogram.at_quantile(quantile)) / kMicrosecond;
}

}  // namespace

Percentiles percentiles(std::vector<std::uint64_t> values_ns, double unit_ns) {
  if (values_ns.empty()) return {};
  std::sort(values_ns.begin(), values_ns.end());
  const auto at = [&](double quantile) {
    const double rank = std::ceil(quantile * static_cast<double>(values_ns.size()));
    const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
    return static_cast<double>(values_ns[index]) / unit_ns;
  };
  return {.p50 = at(0.5), .p99 = at(0.99), .p999 = at(0.999), .max = at(1)};
}

Percentiles microseconds(const Histogram& histogram) {
  return {.p50 = microseconds_at(histogram, 0.5),
          .p99 = microseconds_at(histogram, 0.99),
          .p999 = microseconds_at(histogram, 0.999),
          .max = microseconds_at(histogram, 1)};
}

std::vector<double> percentile_curve_us(const Histogram& histogram) {
  std::vector<double> curve;
  const auto count = static_cast<double>(histogram.count());
  for (std::uint32_t step = 0;; ++step) {
    const double share_above = std::pow(10, -static_cast<double>(step) / kCurveStepsPerNine);
    if (share_above * count < 1) break;
    curve.push_back(microseconds_at(histogram, 1 - share_above));
  }
  return curve;
}

}  // namespace tidelock::agent
