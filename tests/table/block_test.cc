#include "table/block.h"

#include <gtest/gtest.h>

#include "table_samples.h"

namespace tidelock::table {
namespace {

std::string block_of(const Model& model, std::size_t filler = 0) {
  BlockBuilder builder;
  for (const auto& [key, value] : model) {
    builder.add(key, hash_key(key), value ? Kind::kPut : Kind::kErase, value.value_or(""));
  }
  return builder.finish(filler);
}

std::string key_at(const Block& block, std::uint32_t i) {
  BlockEntry entry;
  std::string_view restart;
  EXPECT_TRUE(block.entry(i, entry));
  EXPECT_TRUE(block.restart_key(i, restart));
  return std::string(restart.substr(0, entry.shared)).append(entry.suffix);
}

void expect_agreement(const Block& block, const Model& model) {
  ASSERT_EQ(block.count(), model.size());
  std::uint32_t i = 0;
  for (const auto& [key, value] : model) {
    EXPECT_EQ(key_at(block, i), key);
    BlockEntry entry;
    ASSERT_EQ(block.find(key, hash_key(key), entry), Block::Search::kFound);
    EXPECT_EQ(entry.kind == static_cast<std::uint8_t>(Kind::kPut), value.has_value());
    EXPECT_EQ(entry.value, value.value_or(""));
    ASSERT_EQ(block.find_by_order(key, entry), Block::Search::kFound);
    EXPECT_EQ(entry.value, value.value_or(""));
    ++i;
  }
}

Model numbered(std::size_t entries, std::size_t value_length) {
  Model model;
  for (std::size_t i = 0; i < entries; ++i) {
    model["key" + std::to_string(1'000'000 + i)] = std::string(value_length, 'v');
  }
  return model;
}

TEST(Block, ReadsBackWhatWasAdded) {
  std::mt19937_64 random(random_seed());
  for (const std::size_t entries : {1, 2, 15, 16, 17, 33, 256, 257, 1000}) {
    const Model model = random_model(random, entries, 12, 40);
    const std::string bytes = block_of(model, below(random, 100));
    const std::optional<Block> block = Block::parse(bytes);
    ASSERT_TRUE(block);
    expect_agreement(*block, model);
  }
}

TEST(Block, KeepsOffsetsBeyond64KiB) {
  const Model model = numbered(100, 1000);
  const std::string bytes = block_of(model);
  ASSERT_GT(bytes.size(), 65'536u);
  expect_agreement(Block::parse(bytes).value(), model);
}

TEST(Block, FindsTheFirstKeyNotBelow) {
  std::mt19937_64 random(random_seed());
  const Model model = random_model(random, 300, 6, 3);
  const std::string bytes = block_of(model);
  const Block block = Block::parse(bytes).value();
  for (int i = 0; i < 3000; ++i) {
    const std::string key = random_bytes(random, below(random, 8));
    std::uint32_t found = 0;
    ASSERT_TRUE(block.lower_bound(key, found));
    EXPECT_EQ(found, std::distance(model.begin(), model.lower_bound(key)));
    BlockEntry entry;
    EXPECT_EQ(block.find(key, hash_key(key), entry) == Block::Search::kFound, model.contains(key));
  }
}

TEST(Block, SharesKeyBytesWithTheRestartPoint) {
  const Model model = numbered(64, 0);
  const std::size_t whole = 64 * (std::string("key1000000").size() + 4 + 2 + 1) + 4;
  EXPECT_LT(block_of(model).size(), whole - 60 * 8);
}

TEST(Block, ForetellsItsLength) {
  std::mt19937_64 random(random_seed());
  BlockBuilder builder;
  std::size_t foretold = 0;
  for (const auto& [key, value] : random_model(random, 400, 300, 300)) {
    foretold = builder.bytes_with(key, value.value_or(""));
    builder.add(key, hash_key(key), Kind::kPut, value.value_or(""));
    EXPECT_GE(foretold, builder.bytes());
  }
  const std::size_t length = builder.bytes();
  EXPECT_EQ(builder.finish(0).size(), length);
}

TEST(Block, StartsAnewAfterClear) {
  BlockBuilder builder;
  builder.add("z", hash_key("z"), Kind::kPut, "old");
  (void)builder.finish(0);
  builder.clear();
  EXPECT_TRUE(builder.empty());
  builder.add("a", hash_key("a"), Kind::kErase, "");
  expect_agreement(Block::parse(builder.finish(0)).value(), {{"a", std::nullopt}});
}

TEST(Block, IsTightUnlessABytesIsUnused) {
  const Model model = numbered(20, 5);
  std::vector<std::uint64_t> hashes;
  for (const auto& entry : model) hashes.push_back(hash_key(entry.first));
  const std::string good = block_of(model, 7);
  EXPECT_TRUE(Block::parse(good)->is_tight(hashes));

  std::string filled = good;
  filled[filled.size() - 4 - 20 - 2 * 20 - 1] = 'x';
  EXPECT_FALSE(Block::parse(filled)->is_tight(hashes));
  hashes[3] += 1;
  EXPECT_FALSE(Block::parse(good)->is_tight(hashes));
}

TEST(Block, RefusesWhatCannotBeABlock) {
  EXPECT_FALSE(Block::parse(""));
  EXPECT_FALSE(Block::parse("abc"));
  EXPECT_FALSE(Block::parse(std::string(4, '\0')));          // no entries
  EXPECT_FALSE(Block::parse(std::string("\x02\0\0\0", 4)));  // two entries, no offsets
  EXPECT_FALSE(Block::parse(std::string(100, '\xff')));      // two billion entries
}

// Whatever the bytes are, reading stays inside them: the sanitizers watch.
TEST(Block, SurvivesAnyBytes) {
  std::mt19937_64 random(random_seed());
  const std::string good = block_of(random_model(random, 40, 8, 8));
  for (int round = 0; round < 20'000; ++round) {
    // On the heap and of exact length, so that one byte too far is noticed.
    std::vector<char> bytes(good.begin(), good.end());
    for (int i = 0; i < 1 + round % 4; ++i) {
      bytes[below(random, bytes.size())] = static_cast<char>(random());
    }
    const std::optional<Block> block = Block::parse({bytes.data(), bytes.size()});
    if (!block) continue;
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(block->count(), 100); ++i) {
      BlockEntry entry;
      std::string_view restart;
      if (block->entry(i, entry)) {
        const std::string copy = std::string(entry.suffix).append(entry.value);
        ASSERT_LE(copy.size(), bytes.size());
      }
      if (block->restart_key(i, restart)) {
        ASSERT_LE(std::string(restart).size(), bytes.size());
      }
    }
    const std::string key = random_bytes(random, below(random, 8));
    BlockEntry entry;
    std::uint32_t i;
    (void)block->find(key, hash_key(key), entry);
    (void)block->find_by_order(key, entry);
    (void)block->lower_bound(key, i);
  }
}

}  // namespace
}  // namespace tidelock::table
