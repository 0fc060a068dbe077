#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace tidelock::test {

// The seed of a random test: that of the environment, else a new one. Printed, so that a failure
// can be run again.
inline std::uint64_t random_seed() {
  const char* given = std::getenv("TIDELOCK_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::uint64_t{std::random_device{}()};
  std::printf("TIDELOCK_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  return seed;
}

}  // namespace tidelock::test
