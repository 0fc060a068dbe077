#include "lock/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>

namespace tidelock::lock {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

struct Range {
  nanoseconds low = nanoseconds::max();
  nanoseconds high = nanoseconds::min();
};

Range range_of(const Backoff& backoff, std::uint32_t attempt, nanoseconds previous = {}) {
  std::mt19937_64 random(1);
  Range range;
  for (int i = 0; i < 20'000; ++i) {
    const nanoseconds delay = backoff_delay(backoff, attempt, previous, random());
    range.low = std::min(range.low, delay);
    range.high = std::max(range.high, delay);
  }
  return range;
}

// The extremes drawn come within a hundredth of the extremes allowed, and not beyond.
void expect_uniform(const Range& range, nanoseconds low, nanoseconds high) {
  const nanoseconds slack = (high - low) / 100;
  EXPECT_GE(range.low, low);
  EXPECT_LE(range.low, low + slack);
  EXPECT_LE(range.high, high);
  EXPECT_GE(range.high, high - slack);
}

Backoff with(Backoff::Jitter jitter) {
  return {.jitter = jitter, .base = microseconds(100), .cap = microseconds(10'000)};
}

TEST(Backoff, DoublesUpToItsCapWithoutJitter) {
  const Backoff backoff = with(Backoff::Jitter::kNone);
  EXPECT_EQ(backoff_delay(backoff, 0, {}, 7), microseconds(100));
  EXPECT_EQ(backoff_delay(backoff, 3, {}, 7), microseconds(800));
  EXPECT_EQ(backoff_delay(backoff, 7, {}, 7), microseconds(10'000));
  EXPECT_EQ(backoff_delay(backoff, std::numeric_limits<std::uint32_t>::max(), {}, 7),
            microseconds(10'000));
}

TEST(Backoff, WithFullJitterIsUniformFromZero) {
  expect_uniform(range_of(with(Backoff::Jitter::kFull), 3), microseconds(0), microseconds(800));
}

TEST(Backoff, WithEqualJitterKeepsHalf) {
  expect_uniform(range_of(with(Backoff::Jitter::kEqual), 3), microseconds(400), microseconds(800));
}

TEST(Backoff, WithDecorrelatedJitterReachesThreeTimesThePreviousPause) {
  const Backoff backoff = with(Backoff::Jitter::kDecorrelated);
  expect_uniform(range_of(backoff, 5, microseconds(500)), microseconds(100), microseconds(1'500));
  EXPECT_EQ(range_of(backoff, 5, microseconds(9'000)).high, microseconds(10'000));
}

TEST(Backoff, StaysWithinItsCapForAnyArguments) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 20'000; ++i) {
    const Backoff backoff{
        .jitter = static_cast<Backoff::Jitter>(random() % 4),
        .base = microseconds(static_cast<std::int64_t>(random() >> (random() % 64))),
        .cap = microseconds(static_cast<std::int64_t>(random() >> (random() % 64)))};
    const nanoseconds previous(static_cast<std::int64_t>(random()));
    const nanoseconds delay =
        backoff_delay(backoff, static_cast<std::uint32_t>(random()), previous, random());
    EXPECT_GE(delay.count(), 0);
    EXPECT_TRUE(backoff.cap.count() < 0 || delay <= std::chrono::hours(1));
    EXPECT_TRUE(backoff.cap.count() < 0 || backoff.cap > std::chrono::hours(1) ||
                delay <= backoff.cap);
  }
}

}  // namespace
}  // namespace tidelock::lock
