#include "agent/workload/key_chooser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>
#include <vector>

#include "agent/workload/ycsb_hash.h"

namespace tidelock::agent {
namespace {

std::vector<int> draw(const KeyChoice& choice, std::uint32_t keys, int times) {
  Random random(42);
  Population population{};
  population.set(keys);
  KeyChooser chooser(choice, population, {});
  std::vector<int> counts(keys);
  for (int i = 0; i < times; ++i) ++counts.at(chooser.next(random));
  return counts;
}

TEST(KeyChooser, UniformGivesEachKeyItsShare) {
  for (const int count : draw({.order = KeyOrder::kUniform}, 100, 1'000'000))
    EXPECT_NEAR(count, 10'000, 600);
}

TEST(KeyChooser, ZipfianFollowsItsLaw) {
  constexpr int kKeys = 1'000, kTimes = 2'000'000;
  const std::vector<int> counts = draw({.order = KeyOrder::kZipfian}, kKeys, kTimes);
  double harmonic = 0;
  for (int rank = 1; rank <= kKeys; ++rank) harmonic += std::pow(rank, -0.99);
  for (const int rank : {1, 2, 3, 10, 100, 500, 1'000}) {
    const double expected = kTimes * std::pow(rank, -0.99) / harmonic;
    EXPECT_NEAR(counts[rank - 1], expected, 5 * std::sqrt(expected)) << "rank " << rank;
  }
}

// Of 10^10 items the first has 1 / 26.46902820178302 of all draws, the second 2^-0.99 as many.
TEST(KeyChooser, ScrambledGivesTheHashedRanksOfYcsbTheirShares) {
  constexpr int kKeys = 10'000, kTimes = 1'000'000;
  const std::vector<int> counts = draw({.order = KeyOrder::kScrambled}, kKeys, kTimes);
  for (const int rank : {0, 1, 2}) {
    const double expected = kTimes * std::pow(rank + 1, -0.99) / 26.46902820178302;
    EXPECT_NEAR(counts[ycsb_hash(rank) % kKeys], expected, 1'000) << "rank " << rank;
  }
  EXPECT_EQ(std::ranges::max_element(counts) - counts.begin(),
            std::ptrdiff_t(ycsb_hash(0) % kKeys));
}

TEST(KeyChooser, ScrambledKeepsItsHotKeysWhileOthersAreInserted) {
  const KeyChoice scrambled{.order = KeyOrder::kScrambled, .scrambled_over = 3'000};
  Population population{};
  population.set(2'300);
  KeyChooser chooser(scrambled, population, {});
  Random random(42);
  std::vector<int> counts(3'000);
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    const std::uint32_t key = chooser.next(random);
    ASSERT_LT(key, population.count());
    ++counts[key];
    if (i % 200 == 0) population.set(2'300 + i / 200);
  }
  EXPECT_GT(counts[ycsb_hash(0) % 3'000], 3'500);
}

TEST(KeyChooser, LatestPrefersWhatWasInsertedLast) {
  const KeyChoice latest{.order = KeyOrder::kLatest};
  Population population{};
  population.set(100);
  KeyChooser chooser(latest, population, {});
  Random random(42);
  std::vector<int> counts(101);
  for (int i = 0; i < 1'000; ++i) ++counts[chooser.next(random)];
  EXPECT_EQ(std::ranges::max_element(counts) - counts.begin(), 99);
  EXPECT_EQ(population.claim(101, [](auto) {}), 100u);
  population.advance([](auto) { return true; });
  for (int i = 0; i < 10'000; ++i) ++counts[chooser.next(random)];
  EXPECT_EQ(std::ranges::max_element(counts) - counts.begin(), 100);
  EXPECT_EQ(population.claim(101, [](auto) {}), 101u) << "there is no room for more";
  EXPECT_EQ(population.count(), 101u);
}

TEST(Population, EndsBeforeTheFirstKeyWhoseInsertIsNotAcknowledged) {
  Population population{};
  population.set(10);
  std::set<std::uint32_t> there;
  std::uint32_t noted = 0;
  const auto insert = [&](std::uint32_t key) {
    there.insert(key);
    population.advance([&](std::uint32_t wanted) { return there.contains(wanted); });
    return population.count();
  };
  for (std::uint32_t key = 10; key < 13; ++key) {
    EXPECT_EQ(population.claim(100, [&](std::uint32_t seen) { noted = seen; }), key);
    EXPECT_EQ(noted, key);
  }
  EXPECT_EQ(population.claimed(), 13u);
  EXPECT_EQ(insert(11), 10u);
  EXPECT_EQ(insert(10), 12u);
  EXPECT_EQ(insert(12), 13u);
}

TEST(KeyChooser, HotspotGivesFewKeysMostOperations) {
  const KeyChoice hotspot{.order = KeyOrder::kHotspot, .hot_keys = 0.1, .hot_operations = 0.9};
  const std::vector<int> counts = draw(hotspot, 100, 100'000);
  const int hot = std::accumulate(counts.begin(), counts.begin() + 10, 0);
  EXPECT_NEAR(hot, 90'000, 600);
  EXPECT_GT(*std::ranges::min_element(counts), 0);
}

TEST(KeyChooser, WeightedFollowsItsWeights) {
  const std::vector<double> weights{1, 0, 5, 4};
  const auto shared = std::make_shared<Weighted>(weights);
  const KeyChoice weighted{.order = KeyOrder::kWeighted, .weights = shared};
  const std::vector<int> counts = draw(weighted, 4, 100'000);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(counts[i], weights[i] * 10'000, 500);
  EXPECT_EQ(counts[1], 0);
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
  const KeyChoice sequential{.order = KeyOrder::kSequential};
  Population population{};
  population.set(10);
  KeyChooser chooser(sequential, population, {.writer = 1, .writers = 2, .done = 0});
  std::vector<std::uint32_t> walked;
  for (int i = 0; i < 7; ++i) walked.push_back(chooser.next(random));
  EXPECT_EQ(walked, (std::vector<std::uint32_t>{5, 6, 7, 8, 9, 0, 1}));
}

TEST(KeyChooser, SequentialSuccessorGoesOnWhereItsPredecessorWasKilled) {
  Random random(1);
  const KeyChoice sequential{.order = KeyOrder::kSequential};
  Population population{};
  population.set(10);
  KeyChooser chooser(sequential, population, {.writer = 1, .writers = 2, .done = 23});
  EXPECT_EQ(chooser.next(random), 8u);
}

TEST(KeyChooser, EqualSeedsGiveEqualKeys) {
  EXPECT_EQ(draw({.order = KeyOrder::kZipfian}, 50, 1'000),
            draw({.order = KeyOrder::kZipfian}, 50, 1'000));
}

}  // namespace
}  // namespace tidelock::agent
