#include <gtest/gtest.h>

#include <iterator>
#include <tuple>

#include "table_samples.h"

namespace tidelock::table {
namespace {

// Tables of random entries against std::map, for all options.
using Options = std::tuple<Compression, std::uint32_t, std::size_t>;

class TableRandomTest : public testing::TestWithParam<Options> {
 protected:
  TableRandomTest() : random_(random_seed()) {
    const std::size_t entries = 1 + below(random_, 2'000);
    model_ = random_model(random_, entries, 1 + below(random_, 60), below(random_, 200));
    const auto [compression, bloom_bits, block_size] = GetParam();
    bytes_ = build_table(
        model_,
        {.block_size = block_size, .compression = compression, .bloom_bits_per_key = bloom_bits});
    table_ = opened(bytes_);
  }

  std::string some_key() {
    if (below(random_, 2) == 0) return random_bytes(random_, below(random_, 62));
    auto at = model_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(below(random_, model_.size())));
    return at->first;
  }

  std::mt19937_64 random_;
  Model model_;
  std::string bytes_;
  std::shared_ptr<const Reader> table_;
};

TEST_P(TableRandomTest, GetAgreesWithAMap) {
  for (int i = 0; i < 4'000; ++i) {
    const std::string key = some_key();
    const Result<Lookup> found = table_->get(key);
    ASSERT_TRUE(found) << found.status().to_string();
    const auto expected = model_.find(key);
    if (expected == model_.end()) {
      EXPECT_EQ(found->state, Lookup::State::kMissing);
    } else if (expected->second) {
      EXPECT_EQ(found->state, Lookup::State::kValue);
      EXPECT_EQ(found->value, *expected->second);
    } else {
      EXPECT_EQ(found->state, Lookup::State::kTombstone);
    }
  }
}

TEST_P(TableRandomTest, IterationAgreesWithAMap) {
  Iterator at(table_);
  auto expected = model_.end();
  for (int i = 0; i < 10'000; ++i) {
    const std::string key = some_key();
    switch (below(random_, expected == model_.end() ? 4 : 20)) {
      case 0:
        at.seek_first(), expected = model_.begin();
        break;
      case 1:
        at.seek_last(), expected = std::prev(model_.end());
        break;
      case 2:
        at.seek(key), expected = model_.lower_bound(key);
        break;
      case 3:
        at.seek_before(key);
        expected = model_.lower_bound(key);
        expected = expected == model_.begin() ? model_.end() : std::prev(expected);
        break;
      default:
        if (below(random_, 2) == 0) {
          at.next(), ++expected;
        } else {
          at.prev();
          expected = expected == model_.begin() ? model_.end() : std::prev(expected);
        }
    }
    ASSERT_TRUE(at.status().ok()) << at.status().to_string();
    ASSERT_EQ(at.valid(), expected != model_.end());
    if (!at.valid()) continue;
    ASSERT_EQ(at.key(), expected->first);
    ASSERT_EQ(at.kind() == Kind::kPut, expected->second.has_value());
    ASSERT_EQ(at.value(), expected->second.value_or(""));
  }
}

TEST_P(TableRandomTest, VerifyFindsNothingWrong) {
  const Result<VerifiedCounts> counts = table_->verify();
  ASSERT_TRUE(counts) << counts.status().to_string();
  EXPECT_EQ(counts->entries, model_.size());
}

INSTANTIATE_TEST_SUITE_P(
    All, TableRandomTest,
    testing::Combine(testing::Values(Compression::kNone, Compression::kLz4, Compression::kZstd),
                     testing::Values(0, 1, 10, 32), testing::Values(256, 4'096, 65'536, 1 << 20)));

}  // namespace
}  // namespace tidelock::table
