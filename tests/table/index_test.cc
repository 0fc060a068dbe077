#include "table/index.h"

#include <gtest/gtest.h>

#include <vector>

#include "table_samples.h"

namespace tidelock::table {
namespace {

// Blocks of the given keys, one block a row.
struct Sample {
  std::vector<std::vector<std::string>> blocks;
  std::string bytes;
  std::uint32_t prefix_length = 0;

  explicit Sample(std::vector<std::vector<std::string>> keys) : blocks(std::move(keys)) {
    IndexBuilder builder;
    for (std::size_t n = 0; n < blocks.size(); ++n) {
      const bool is_last = n + 1 == blocks.size();
      const std::string_view next = is_last ? std::string_view() : blocks[n + 1].front();
      builder.add(n * 100, blocks[n].back(), is_last ? nullptr : &next);
    }
    prefix_length = builder.prefix_length();
    bytes = builder.finish(blocks.size() * 100).value();
    EXPECT_GE(builder.bytes(), bytes.size());
  }
  [[nodiscard]] Index index() const {
    return Index::parse(bytes, blocks.size(), prefix_length).value();
  }
};

Sample random_sample(std::mt19937_64& random, const std::string& prefix) {
  std::vector<std::vector<std::string>> blocks(1);
  for (const auto& entry : random_model(random, 400, 20, 0)) {
    if (!blocks.back().empty() && below(random, 3) == 0) blocks.emplace_back();
    blocks.back().push_back(prefix + entry.first);
  }
  return Sample(std::move(blocks));
}

TEST(Index, LeadsEachKeyToItsBlock) {
  std::mt19937_64 random(random_seed());
  for (int round = 0; round < 50; ++round) {
    const Sample sample = random_sample(random, round % 2 == 0 ? "" : "a common beginning");
    const Index index = sample.index();
    EXPECT_TRUE(index.is_tight());
    for (std::size_t n = 0; n < sample.blocks.size(); ++n) {
      for (const std::string& key : sample.blocks[n]) ASSERT_EQ(index.lower_bound(key), n);
      EXPECT_EQ(index.offset(n), n * 100);
    }
    EXPECT_EQ(index.offset(sample.blocks.size()), sample.blocks.size() * 100);
  }
}

TEST(Index, LeadsOtherKeysToTheBlockOfTheNextKey) {
  std::mt19937_64 random(random_seed());
  const Sample sample = random_sample(random, "p");
  const Index index = sample.index();
  for (int i = 0; i < 5000; ++i) {
    const std::string key = (i % 10 == 0 ? "" : "p") + random_bytes(random, below(random, 22));
    const std::uint64_t n = index.lower_bound(key);
    // Everything in the blocks before is below, everything in the blocks behind above.
    if (n > 0) {
      EXPECT_LT(sample.blocks[n - 1].back(), key);
    }
    if (n + 1 < sample.blocks.size()) {
      EXPECT_GT(sample.blocks[n + 1].front(), key);
    }
    if (n == sample.blocks.size()) {
      EXPECT_GT(key, sample.blocks.back().back());
    }
  }
}

TEST(Index, TellsKeysApartThatDifferInTrailingZeroes) {
  const std::string zero(1, '\0');
  const Sample sample({{"a"}, {"a" + zero}, {"a" + zero + zero}, {"a" + zero + "b"}});
  const Index index = sample.index();
  for (std::size_t n = 0; n < sample.blocks.size(); ++n) {
    EXPECT_EQ(index.lower_bound(sample.blocks[n].front()), n);
  }
}

TEST(Index, ShortensSeparators) {
  const Sample sample({{"apple pie", "apricot jam, a very long key"}, {"banana", "cherry"}});
  std::string_view rest;
  ASSERT_TRUE(sample.index().rest(0, rest));
  EXPECT_EQ(rest, "b");
}

TEST(Index, RefusesWhatDoesNotFit) {
  const Sample sample({{"a"}, {"b"}, {"c"}});
  EXPECT_FALSE(Index::parse(sample.bytes, 0, 0));
  EXPECT_FALSE(Index::parse(sample.bytes, 4, 0));
  EXPECT_FALSE(Index::parse(sample.bytes, ~std::uint64_t{0}, 0));
  EXPECT_FALSE(Index::parse(sample.bytes, 3, 1000));
  EXPECT_FALSE(Index::parse("", 1, 0));
}

TEST(Index, SurvivesAnyBytes) {
  std::mt19937_64 random(random_seed());
  const Sample sample = random_sample(random, "p");
  for (int round = 0; round < 5000; ++round) {
    std::vector<char> bytes(sample.bytes.begin(), sample.bytes.end());
    for (int i = 0; i < 3; ++i) bytes[below(random, bytes.size())] = static_cast<char>(random());
    const Index index =
        Index::parse({bytes.data(), bytes.size()}, sample.blocks.size(), sample.prefix_length)
            .value();
    (void)index.is_tight();
    for (int i = 0; i < 10; ++i) {
      const std::string key = "p" + random_bytes(random, below(random, 22));
      ASSERT_LE(index.lower_bound(key), index.blocks());
    }
  }
}

}  // namespace
}  // namespace tidelock::table
