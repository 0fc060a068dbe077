#include "agent/histogram.h"

#include <gtest/gtest.h>

#include <memory>

namespace tidelock::agent {
namespace {

TEST(Histogram, EveryDurationLiesInItsBucket) {
  for (unsigned shift = 0; shift < 64; ++shift) {
    for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{12345}}) {
      const std::uint64_t ns = (std::uint64_t{1} << shift) + (offset & ((1ull << shift) - 1));
      const std::size_t bucket = Histogram::bucket(ns);
      EXPECT_LE(Histogram::lowest(bucket), ns);
      if (ns != UINT64_MAX && bucket + 1 <= Histogram::bucket(UINT64_MAX)) {
        EXPECT_LT(ns, Histogram::lowest(bucket + 1));
      }
    }
  }
}

TEST(Histogram, BucketsFollowEachOtherWithoutAGap) {
  for (std::size_t bucket = 0; bucket < Histogram::bucket(UINT64_MAX); ++bucket) {
    const std::uint64_t next = Histogram::lowest(bucket + 1);
    ASSERT_EQ(Histogram::bucket(next), bucket + 1);
    ASSERT_EQ(Histogram::bucket(next - 1), bucket);
  }
}

TEST(Histogram, AnswersQuantilesToWithinAThirtySecond) {
  Histogram histogram;
  for (std::uint64_t ns = 1; ns <= 100'000; ++ns) histogram.record(ns);
  for (const double quantile : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = quantile * 100'000;
    const auto answer = static_cast<double>(histogram.at_quantile(quantile));
    EXPECT_GE(answer, exact);
    EXPECT_LE(answer, exact * (1 + 1.0 / 32));
  }
  EXPECT_EQ(histogram.at_quantile(1), 100'000u);
  EXPECT_EQ(histogram.count(), 100'000u);
}

TEST(Histogram, KeepsTheLongestDurationExactly) {
  Histogram histogram;
  histogram.record(7);
  histogram.record(123'456'789);
  EXPECT_EQ(histogram.max_ns(), 123'456'789u);
  histogram.record(UINT64_MAX);
  EXPECT_EQ(histogram.at_quantile(1), UINT64_MAX);
}

TEST(Histogram, IsEmptyAsZeroBytes) {
  const auto zeroes = std::make_unique<std::byte[]>(sizeof(Histogram) + alignof(Histogram));
  const auto& histogram = *reinterpret_cast<const Histogram*>(zeroes.get());
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.at_quantile(0.5), 0u);
}

TEST(Histogram, MergesToWhatOneWouldHaveCounted) {
  Histogram one, other, both;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const std::uint64_t ns = i * i;
    (i % 3 == 0 ? one : other).record(ns);
    both.record(ns);
  }
  one.merge(other);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.max_ns(), both.max_ns());
  for (int percent = 0; percent <= 100; ++percent) {
    EXPECT_EQ(one.at_quantile(percent / 100.0), both.at_quantile(percent / 100.0));
  }
}

}  // namespace
}  // namespace tidelock::agent
