#include "agent/key_chooser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace tidelock::agent {
namespace {

std::vector<int> draw(KeyOrder order, std::uint32_t keys, int times) {
  Random random(42);
  KeyChooser chooser(order, keys, {});
  std::vector<int> counts(keys);
  for (int i = 0; i < times; ++i) ++counts.at(chooser.next(random));
  return counts;
}

TEST(KeyChooser, UniformGivesEachKeyItsShare) {
  for (const int count : draw(KeyOrder::kUniform, 100, 1'000'000)) EXPECT_NEAR(count, 10'000, 600);
}

TEST(KeyChooser, ZipfianFollowsItsLaw) {
  constexpr int kKeys = 1'000, kTimes = 2'000'000;
  const std::vector<int> counts = draw(KeyOrder::kZipfian, kKeys, kTimes);
  double harmonic = 0;
  for (int rank = 1; rank <= kKeys; ++rank) harmonic += std::pow(rank, -0.99);
  for (const int rank : {1, 2, 3, 10, 100, 500, 1'000}) {
    const double expected = kTimes * std::pow(rank, -0.99) / harmonic;
    EXPECT_NEAR(counts[rank - 1], expected, 5 * std::sqrt(expected)) << "rank " << rank;
  }
}

TEST(KeyChooser, ZipfianManagesFewAndManyKeys) {
  Random random(1);
  EXPECT_EQ(Zipfian(1).next(random), 0u);
  const Zipfian two(2);
  const Zipfian most(UINT32_MAX);
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_LT(two.next(random), 2u);
    ASSERT_LT(most.next(random), UINT32_MAX);
  }
}

TEST(KeyChooser, SequentialWritersBeginApartAndWalkThroughAll) {
  Random random(1);
  KeyChooser chooser(KeyOrder::kSequential, 10, {.writer = 1, .writers = 2, .done = 0});
  std::vector<std::uint32_t> walked;
  for (int i = 0; i < 7; ++i) walked.push_back(chooser.next(random));
  EXPECT_EQ(walked, (std::vector<std::uint32_t>{5, 6, 7, 8, 9, 0, 1}));
}

TEST(KeyChooser, SequentialSuccessorGoesOnWhereItsPredecessorWasKilled) {
  Random random(1);
  KeyChooser chooser(KeyOrder::kSequential, 10, {.writer = 1, .writers = 2, .done = 23});
  EXPECT_EQ(chooser.next(random), 8u);
}

TEST(KeyChooser, EqualSeedsGiveEqualKeys) {
  EXPECT_EQ(draw(KeyOrder::kZipfian, 50, 1'000), draw(KeyOrder::kZipfian, 50, 1'000));
}

}  // namespace
}  // namespace tidelock::agent
