#include "agent/retry_delays.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace tidelock::agent {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;

std::vector<microseconds> first_delays(Backoff::Jitter jitter, std::uint64_t seed, int count = 12) {
  Random random(seed);
  RetryDelays delays({.jitter = jitter, .base = 100us, .cap = 5'000us});
  std::vector<microseconds> list;
  for (int i = 0; i < count; ++i) list.push_back(delays.next(random));
  return list;
}

// base * 2^n up to cap
microseconds ceiling(std::size_t n) {
  return std::min(5'000us, 100us * (1 << n));
}

TEST(RetryDelays, ExponentialDoublesUpToTheCap) {
  const auto delays = first_delays(Backoff::Jitter::kNone, 1);
  for (std::size_t n = 0; n < delays.size(); ++n) EXPECT_EQ(delays[n], ceiling(n));
}

TEST(RetryDelays, FullJitterSpreadsOverTheWholeDelay) {
  microseconds low = 1s, high = 0us;
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    const auto delays = first_delays(Backoff::Jitter::kFull, seed, 4);
    for (std::size_t n = 0; n < delays.size(); ++n) ASSERT_LE(delays[n], ceiling(n));
    low = std::min(low, delays[3]);
    high = std::max(high, delays[3]);
  }
  EXPECT_LT(low, 20us);
  EXPECT_GT(high, 780us);
}

TEST(RetryDelays, EqualJitterKeepsHalfOfTheDelay) {
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    const auto delays = first_delays(Backoff::Jitter::kEqual, seed);
    for (std::size_t n = 0; n < delays.size(); ++n) {
      ASSERT_GE(delays[n], ceiling(n) / 2);
      ASSERT_LE(delays[n], ceiling(n));
    }
  }
}

TEST(RetryDelays, DecorrelatedJitterGrowsFromThePreviousDelay) {
  for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
    microseconds previous = 100us;
    for (const microseconds delay : first_delays(Backoff::Jitter::kDecorrelated, seed)) {
      ASSERT_GE(delay, 100us);
      ASSERT_LE(delay, std::min(5'000us, previous * 3));
      previous = delay;
    }
  }
}

TEST(RetryDelays, NeverPassTheCapHoweverLongItGoesOn) {
  Random random(1);
  for (const auto jitter : {Backoff::Jitter::kNone, Backoff::Jitter::kFull, Backoff::Jitter::kEqual,
                            Backoff::Jitter::kDecorrelated}) {
    RetryDelays delays({.jitter = jitter, .base = 7us, .cap = 1'000us});
    for (int i = 0; i < 1'000; ++i) ASSERT_LE(delays.next(random), 1'000us);
    RetryDelays reversed({.jitter = jitter, .base = 50us, .cap = 20us});
    for (int i = 0; i < 10; ++i) ASSERT_LE(reversed.next(random), 20us);
  }
}

TEST(RetryDelays, DifferFromClientToClient) {
  std::set<std::vector<microseconds>> distinct;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    distinct.insert(first_delays(Backoff::Jitter::kFull, seed));
  }
  EXPECT_EQ(distinct.size(), 100u);
}

}  // namespace
}  // namespace tidelock::agent
