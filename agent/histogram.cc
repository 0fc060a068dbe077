#include "agent/histogram.h"

#include <algorithm>
#include <cmath>

namespace tidelock::agent {

void Histogram::merge(const Histogram& other) noexcept {
  for (std::size_t i = 0; i < kBuckets; ++i) {
    bump(counts_[i], other.counts_[i].load(std::memory_order_relaxed));
  }
  max_.store(std::max(max_ns(), other.max_ns()), std::memory_order_relaxed);
}

void Histogram::remove(const Histogram& earlier) noexcept {
  std::uint64_t longest = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    const std::uint64_t had = earlier.counts_[i].load(std::memory_order_relaxed);
    const std::uint64_t have = counts_[i].load(std::memory_order_relaxed);
    const std::uint64_t rest = have - std::min(have, had);
    counts_[i].store(rest, std::memory_order_relaxed);
    if (rest != 0) longest = lowest(i + 1) - 1;
  }
  max_.store(std::min(max_ns(), longest), std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const noexcept {
  std::uint64_t sum = 0;
  for (const Count& count : counts_) sum += count.load(std::memory_order_relaxed);
  return sum;
}

std::uint64_t Histogram::at_quantile(double quantile) const noexcept {
  const double total = static_cast<double>(count());
  const auto rank = static_cast<std::uint64_t>(std::max(1.0, std::ceil(quantile * total)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i].load(std::memory_order_relaxed);
    // The bucket's upper end, so that the answer never flatters; beyond the last one it wraps to
    // the largest number.
    if (seen >= rank) return std::min(max_ns(), lowest(i + 1) - 1);
  }
  return max_ns();
}

}  // namespace tidelock::agent
