#include "table/filter.h"

#include <gtest/gtest.h>

#include "table_samples.h"

namespace tidelock::table {
namespace {

std::vector<std::uint64_t> hashes_of(std::uint64_t first, std::size_t count) {
  std::vector<std::uint64_t> hashes;
  for (std::uint64_t i = 0; i < count; ++i) hashes.push_back(hash_key(std::to_string(first + i)));
  return hashes;
}

double false_positives(std::uint32_t bits_per_key) {
  constexpr std::size_t kKeys = 20'000;
  const std::string bytes = build_filter(hashes_of(0, kKeys), bits_per_key);
  const Filter filter(bytes, bits_per_key);
  std::size_t passed = 0;
  for (const std::uint64_t hash : hashes_of(1'000'000, kKeys)) passed += filter.may_contain(hash);
  return static_cast<double>(passed) / kKeys;
}

TEST(Filter, LetsEveryKeyThrough) {
  for (std::uint32_t bits = 1; bits <= kBloomBitsPerKeyMax; ++bits) {
    const std::vector<std::uint64_t> hashes = hashes_of(0, 1'000);
    const std::string bytes = build_filter(hashes, bits);
    const Filter filter(bytes, bits);
    for (const std::uint64_t hash : hashes) ASSERT_TRUE(filter.may_contain(hash)) << bits;
  }
}

TEST(Filter, HoldsBackMostOtherKeys) {
  EXPECT_LT(false_positives(4), 0.20);
  EXPECT_LT(false_positives(10), 0.015);
  EXPECT_LT(false_positives(16), 0.002);
  EXPECT_LT(false_positives(32), 0.0003);
}

TEST(Filter, TakesTheBitsItWasGiven) {
  EXPECT_EQ(build_filter(hashes_of(0, 1'000), 10).size(), (10'000 + 511) / 512 * kFilterLineBytes);
  EXPECT_EQ(build_filter(hashes_of(0, 1), 1).size(), kFilterLineBytes);
}

TEST(Filter, WithoutBitsLetsEverythingThrough) {
  EXPECT_TRUE(build_filter(hashes_of(0, 10), 0).empty());
  EXPECT_TRUE(Filter().may_contain(42));
}

}  // namespace
}  // namespace tidelock::table
