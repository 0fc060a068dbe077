#include "table/iterator.h"

#include <gtest/gtest.h>

#include "table_samples.h"

namespace tidelock::table {
namespace {

class IteratorTest : public testing::Test {
 protected:
  IteratorTest() {
    for (int i = 100; i < 400; i += 2) model_[std::to_string(i)] = std::string(20, 'v');
    bytes_ = build_table(model_, {.block_size = 512});
    table_ = opened(bytes_);
    EXPECT_GT(table_->properties().blocks, 5u);
  }

  Model model_;
  std::string bytes_;
  std::shared_ptr<const Reader> table_;
};

TEST_F(IteratorTest, StartsUnpositioned) {
  const Iterator at(table_);
  EXPECT_FALSE(at.valid());
  EXPECT_TRUE(at.status().ok());
}

TEST_F(IteratorTest, WalksForwardAndEnds) {
  Iterator at(table_);
  at.seek_first();
  for (const auto& [key, value] : model_) {
    ASSERT_TRUE(at.valid());
    EXPECT_EQ(at.key(), key);
    EXPECT_EQ(at.value(), *value);
    at.next();
  }
  EXPECT_FALSE(at.valid());
  EXPECT_TRUE(at.status().ok());
}

TEST_F(IteratorTest, WalksBackwardAndEnds) {
  Iterator at(table_);
  at.seek_last();
  for (auto expected = model_.rbegin(); expected != model_.rend(); ++expected) {
    ASSERT_TRUE(at.valid());
    EXPECT_EQ(at.key(), expected->first);
    at.prev();
  }
  EXPECT_FALSE(at.valid());
  EXPECT_TRUE(at.status().ok());
}

TEST_F(IteratorTest, SeeksTheFirstKeyNotBelow) {
  Iterator at(table_);
  at.seek("200");
  EXPECT_EQ(at.key(), "200");
  at.seek("201");
  EXPECT_EQ(at.key(), "202");
  at.seek("");
  EXPECT_EQ(at.key(), "100");
  at.seek("399");
  EXPECT_FALSE(at.valid());
}

TEST_F(IteratorTest, SeeksTheLastKeyBelow) {
  Iterator at(table_);
  at.seek_before("200");
  EXPECT_EQ(at.key(), "198");
  at.seek_before("201");
  EXPECT_EQ(at.key(), "200");
  at.seek_before("zzz");
  EXPECT_EQ(at.key(), "398");
  at.seek_before("100");
  EXPECT_FALSE(at.valid());
}

TEST_F(IteratorTest, TurnsAround) {
  Iterator at(table_);
  at.seek("250");
  at.next();
  at.prev();
  at.prev();
  EXPECT_EQ(at.key(), "248");
  at.next();
  EXPECT_EQ(at.key(), "250");
}

TEST_F(IteratorTest, KeepsTheReaderAlive) {
  Iterator at(table_);
  table_.reset();
  at.seek("300");
  EXPECT_EQ(at.key(), "300");
}

TEST_F(IteratorTest, StopsAtDamageAndSaysWhy) {
  const BlockInfo third = table_->block_info(2).value();
  bytes_[third.offset + 3] ^= 4;
  Iterator at(opened(bytes_));
  std::size_t seen = 0;
  for (at.seek_first(); at.valid(); at.next()) ++seen;
  EXPECT_EQ(at.status().code(), StatusCode::kCorruption);
  EXPECT_GT(seen, 0u);
  at.seek_last();  // the rest is still there
  EXPECT_TRUE(at.valid());
  EXPECT_TRUE(at.status().ok());
  EXPECT_EQ(at.key(), "398");
}

}  // namespace
}  // namespace tidelock::table
