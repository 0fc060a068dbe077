#include "agent/workload/zipfian.h"

#include <algorithm>
#include <cmath>

namespace tidelock::agent {
namespace {

constexpr double kSkew = 0.99;

// The density x^-skew, its integral and the integral's inverse.
double density(double x) noexcept {
  return std::pow(x, -kSkew);
}
double area(double x) noexcept {
  return std::expm1((1 - kSkew) * std::log(x)) / (1 - kSkew);
}
double area_inverse(double y) noexcept {
  return std::exp(std::log1p(std::max(-1.0, y * (1 - kSkew))) / (1 - kSkew));
}

}  // namespace

Zipfian::Zipfian(std::uint64_t count) noexcept
    : count_(static_cast<double>(count)),
      area_first_(area(1.5) - 1),
      area_last_(area(count_ + 0.5)),
      shortcut_(2 - area_inverse(area(2.5) - density(2))) {}

std::uint64_t Zipfian::next(Random& random) const noexcept {
  for (;;) {
    const double y = area_last_ + random.unit() * (area_first_ - area_last_);
    const double x = area_inverse(y);
    const double rank = std::clamp(std::floor(x + 0.5), 1.0, count_);
    if (rank - x <= shortcut_ || y >= area(rank + 0.5) - density(rank)) {
      return static_cast<std::uint64_t>(rank) - 1;
    }
  }
}

}  // namespace tidelock::agent
