#pragma once

#include <span>
#include <vector>

namespace tidelock::agent {

// How much values of the same kind differ. All zero if there are none.
struct Spread {
  double average = 0, minimum = 0, maximum = 0, median = 0;
  double deviation = 0;  // standard deviation of a sample; 0 of one value
};
[[nodiscard]] Spread spread_of(std::vector<double> values);

// J = (sum x)^2 / (n * sum x^2) (R. Jain 1984): 1 when all are equal, 1/n when one has all.
// 1 if there is nothing to share.
[[nodiscard]] double jain_index(std::span<const double> shares) noexcept;

}  // namespace tidelock::agent
