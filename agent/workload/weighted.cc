#include "agent/workload/weighted.h"

#include <numeric>

namespace tidelock::agent {

Weighted::Weighted(std::span<const double> weights) : columns_(weights.size()) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const double scale = static_cast<double>(weights.size()) / sum;
  std::vector<std::uint32_t> small, large;
  for (std::uint32_t i = 0; i < weights.size(); ++i) {
    columns_[i] = {.own = weights[i] * scale, .alias = i};
    (columns_[i].own < 1 ? small : large).push_back(i);
  }
  while (!small.empty() && !large.empty()) {
    const std::uint32_t poor = small.back(), rich = large.back();
    small.pop_back();
    columns_[poor].alias = rich;
    columns_[rich].own -= 1 - columns_[poor].own;
    if (columns_[rich].own < 1) {
      large.pop_back();
      small.push_back(rich);
    }
  }
  // What is left differs from 1 by rounding alone.
  for (const std::uint32_t i : small) columns_[i].own = 1;
  for (const std::uint32_t i : large) columns_[i].own = 1;
}

}  // namespace tidelock::agent
