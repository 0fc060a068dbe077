#pragma once

#include <cstdint>

#include "agent/random.h"

namespace tidelock::agent {

// Ranks 0 to count - 1, rank r with a probability proportional to 1 / (r + 1)^0.99, the skew of
// YCSB. Exact, and O(1) to set up: rejection-inversion (W. Hörmann, G. Derflinger, "Rejection-
// inversion to generate variates from monotone discrete distributions", 1996).
class Zipfian {
 public:
  explicit Zipfian(std::uint64_t count) noexcept;
  [[nodiscard]] std::uint64_t next(Random& random) const noexcept;

 private:
  double count_;
  double area_first_;  // the integral up to rank 1's left end, less that rank's own weight
  double area_last_;   // the integral up to the last rank's right end
  double shortcut_;    // so near to a rank's right that no rejection test is needed
};

}  // namespace tidelock::agent
