#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/random.h"

namespace tidelock::agent {

// Indices with given weights, each drawn in O(1): the alias method (A. J. Walker 1977, set up as by
// M. D. Vose, "A linear algorithm for generating random numbers with a given distribution", 1991).
class Weighted {
 public:
  // Precondition: the weights are not negative, and one at least is above 0.
  explicit Weighted(std::span<const double> weights);
  [[nodiscard]] std::size_t size() const noexcept { return columns_.size(); }
  [[nodiscard]] std::uint32_t next(Random& random) const noexcept {
    const std::uint32_t column = random.below(static_cast<std::uint32_t>(columns_.size()));
    return random.unit() < columns_[column].own ? column : columns_[column].alias;
  }

 private:
  struct Column {
    double own = 1;  // the share of the column that belongs to its index; the rest to the alias
    std::uint32_t alias = 0;
  };
  std::vector<Column> columns_;
};

}  // namespace tidelock::agent
