#pragma once

#include <cstdint>
#include <limits>

namespace tidelock::test {

// Numbers that look random, cheap to seed: a multiple of the golden ratio, well mixed (SplitMix64,
// G. L. Steele et al. 2014). Fits wherever the standard library takes a generator.
class Random {
 public:
  using result_type = std::uint64_t;

  explicit Random(std::uint64_t seed) : state_(seed) {}

  static constexpr std::uint64_t min() { return 0; }
  static constexpr std::uint64_t max() { return std::numeric_limits<std::uint64_t>::max(); }
  std::uint64_t operator()() {
    std::uint64_t word = state_ += 0x9e3779b97f4a7c15;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    return word ^ (word >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace tidelock::test
