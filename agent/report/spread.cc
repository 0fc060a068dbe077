#include "agent/report/spread.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tidelock::agent {

Spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t count = values.size(), middle = count / 2;
  Spread spread{.minimum = values.front(), .maximum = values.back()};
  spread.average = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(count);
  spread.median =
      count % 2 != 0 ? values[middle] : std::midpoint(values[middle - 1], values[middle]);
  if (count == 1) return spread;
  double squares = 0;
  for (const double value : values) squares += std::pow(value - spread.average, 2);
  spread.deviation = std::sqrt(squares / static_cast<double>(count - 1));
  return spread;
}

double jain_index(std::span<const double> shares) noexcept {
  double sum = 0, squares = 0;
  for (const double share : shares) {
    sum += share;
    squares += share * share;
  }
  return squares == 0 ? 1 : sum * sum / (static_cast<double>(shares.size()) * squares);
}

}  // namespace tidelock::agent
