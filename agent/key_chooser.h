#pragma once

#include <cstdint>

#include "agent/random.h"
#include "agent/settings.h"

namespace tidelock::agent {

// Ranks 0 to count - 1, rank r with a probability proportional to 1 / (r + 1)^0.99, the skew of
// YCSB. Exact, and O(1) to set up: rejection-inversion (W. Hörmann, G. Derflinger, "Rejection-
// inversion to generate variates from monotone discrete distributions", 1996).
class Zipfian {
 public:
  explicit Zipfian(std::uint32_t count) noexcept;
  [[nodiscard]] std::uint32_t next(Random& random) const noexcept;

 private:
  double count_;
  double area_first_;  // the integral up to rank 1's left end, less that rank's own weight
  double area_last_;   // the integral up to the last rank's right end
  double shortcut_;    // so near to a rank's right that no rejection test is needed
};

// Chooses the key of each operation of one writer.
class KeyChooser {
 public:
  // A sequential writer begins at its own share of the keys and walks through all, over and over;
  // `done` operations have been done by its killed predecessors.
  struct Place {
    std::uint32_t writer = 0;
    std::uint32_t writers = 1;
    std::uint64_t done = 0;
  };
  KeyChooser(KeyOrder order, std::uint32_t key_count, const Place& place) noexcept;
  [[nodiscard]] std::uint32_t next(Random& random) noexcept;

 private:
  KeyOrder order_;
  std::uint32_t key_count_;
  std::uint32_t position_;
  Zipfian zipfian_;
};

}  // namespace tidelock::agent
