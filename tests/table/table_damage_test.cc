#include <gtest/gtest.h>

#include <vector>

#include "support/largest_allocation.h"
#include "table_samples.h"

namespace tidelock::table {
namespace {

// What the cache of unpacked blocks takes for itself as it fills up.
constexpr std::size_t kCacheAllocation = 64'000;

Model sample_model() {
  Model model;
  for (int i = 0; i < 120; ++i) {
    const std::string key = "key" + std::to_string(100 + i * 7 % 900);
    model[key] = "value of " + key;
    if (i < 6) model[key].reset();
  }
  return model;
}

bool is_refusal(const Status& status) {
  return (status.code() == StatusCode::kCorruption || status.code() == StatusCode::kUnsupported) &&
         status.message().find("t.sst at ") != std::string::npos;
}

// Every answer is the right one, or a refusal that names file and place.
void expect_truth_or_refusal(const Reader& table, const Model& model) {
  for (const auto& [key, value] : model) {
    const Result<Lookup> found = table.get(key);
    if (!found) {
      ASSERT_TRUE(is_refusal(found.error())) << found.error().to_string();
      continue;
    }
    ASSERT_EQ(found->state, value ? Lookup::State::kValue : Lookup::State::kTombstone);
    ASSERT_EQ(found->value, value.value_or(""));
  }
}

void expect_true_walk(const std::shared_ptr<const Reader>& table, const Model& model) {
  Iterator at(table);
  auto expected = model.begin();
  for (at.seek_first(); at.valid(); at.next(), ++expected) {
    ASSERT_NE(expected, model.end());
    ASSERT_EQ(at.key(), expected->first);
    ASSERT_EQ(at.value(), expected->second.value_or(""));
  }
  ASSERT_TRUE(expected == model.end() ? at.status().ok() : is_refusal(at.status()));
  auto backward = model.rbegin();
  for (at.seek_last(); at.valid(); at.prev(), ++backward) {
    ASSERT_NE(backward, model.rend());
    ASSERT_EQ(at.key(), backward->first);
    ASSERT_EQ(at.value(), backward->second.value_or(""));
  }
  ASSERT_TRUE(backward == model.rend() ? at.status().ok() : is_refusal(at.status()));
}

// `damaged` is a table of `model` of which something is not as it was written.
void expect_damage_is_seen(const std::string& damaged, const Model& model) {
  (void)test::take_largest_allocation();
  const Result<std::shared_ptr<const Reader>> table = open_table(damaged);
  if (!table) {
    ASSERT_TRUE(is_refusal(table.error())) << table.error().to_string();
  } else {
    expect_truth_or_refusal(**table, model);
    expect_true_walk(*table, model);
    const Result<VerifiedCounts> counts = (*table)->verify();
    ASSERT_FALSE(counts);
    ASSERT_TRUE(is_refusal(counts.error())) << counts.error().to_string();
  }
  ASSERT_LE(test::take_largest_allocation(), std::max(4 * damaged.size(), kCacheAllocation));
}

class TableDamageTest : public testing::TestWithParam<std::tuple<Compression, std::uint32_t>> {
 protected:
  [[nodiscard]] static BuilderOptions options() {
    return {.block_size = 512,
            .compression = std::get<0>(GetParam()),
            .bloom_bits_per_key = std::get<1>(GetParam())};
  }

  const Model model_ = sample_model();
  const std::string good_ = build_table(model_, options());
};

TEST_P(TableDamageTest, NoFlippedBitIsSilent) {
  std::mt19937_64 random(random_seed());
  for (std::size_t i = 0; i < good_.size(); ++i) {
    std::string damaged = good_;
    damaged[i] = static_cast<char>(damaged[i] ^ 1 << below(random, 8));
    ASSERT_NO_FATAL_FAILURE(expect_damage_is_seen(damaged, model_)) << "byte " << i;
  }
}

TEST_P(TableDamageTest, NoTruncationIsSilent) {
  for (std::size_t length = 0; length < good_.size(); ++length) {
    // Of exact length on the heap, so that the sanitizers see one byte too far.
    const std::string damaged(good_, 0, length);
    ASSERT_NO_FATAL_FAILURE(expect_damage_is_seen(damaged, model_)) << "length " << length;
  }
}

TEST_P(TableDamageTest, NoExtensionIsSilent) {
  for (const std::size_t more : {1, 64, 4'096}) {
    expect_damage_is_seen(good_ + std::string(more, '\0'), model_);
    expect_damage_is_seen(std::string(more, '\0') + good_, model_);
  }
  expect_damage_is_seen(good_ + good_, model_);
}

TEST_P(TableDamageTest, NoZeroedRangeIsSilent) {
  for (std::size_t i = 0; i + 512 < good_.size(); i += 256) {
    std::string damaged = good_;
    damaged.replace(i, 512, 512, '\0');
    ASSERT_NO_FATAL_FAILURE(expect_damage_is_seen(damaged, model_)) << "offset " << i;
  }
}

TEST_P(TableDamageTest, NoSwappedBlockIsSilent) {
  // Keys that share nothing and values of one length make blocks of one length.
  Model model;
  for (int i = 0; i < 200; ++i) model[std::string(1, static_cast<char>(i))] = "value of one length";
  const std::string good = build_table(model, options());
  const auto table = opened(good);
  int swapped = 0;
  for (std::uint64_t n = 1; n < table->properties().blocks; ++n) {
    const BlockInfo a = table->block_info(n - 1).value();
    const BlockInfo b = table->block_info(n).value();
    if (a.stored_bytes != b.stored_bytes) continue;
    std::string damaged = good;
    damaged.replace(a.offset, a.stored_bytes, good, b.offset, b.stored_bytes);
    expect_damage_is_seen(damaged, model);
    damaged.replace(b.offset, b.stored_bytes, good, a.offset, a.stored_bytes);
    expect_damage_is_seen(damaged, model);
    ++swapped;
  }
  EXPECT_TRUE(swapped > 0 || std::get<0>(GetParam()) != Compression::kNone);
}

TEST_P(TableDamageTest, NoPartOfAnotherTableIsSilent) {
  Model other_model = model_;
  for (auto& [key, value] : other_model) {
    if (value) value->front() = 'V';
  }
  for (const Identity& identity : {Identity{{0, 0}, 1}, Identity{{0, 1}, 0}}) {
    BuilderOptions other_options = options();
    other_options.identity = identity;
    const std::string other = build_table(other_model, other_options);
    const std::size_t length = std::min(other.size(), good_.size()) - kFooterBytes;
    for (std::size_t i = 0; i + 512 < length; i += 512) {
      std::string damaged = good_;
      damaged.replace(i, 512, other, i, 512);
      if (damaged != good_) expect_damage_is_seen(damaged, model_);
    }
    expect_damage_is_seen(other, model_);
  }
}

INSTANTIATE_TEST_SUITE_P(All, TableDamageTest,
                         testing::Combine(testing::Values(Compression::kNone, Compression::kLz4,
                                                          Compression::kZstd),
                                          testing::Values(0, 10)));

TEST(Reader, GetsFromUnpackedBlocksWithoutAllocating) {
  const Model model = sample_model();
  const std::string bytes = build_table(model, {});
  const auto table = opened(bytes);
  (void)test::take_largest_allocation();
  for (const auto& entry : model) ASSERT_TRUE(table->get(entry.first));
  EXPECT_EQ(test::take_largest_allocation(), 0u);
}

TEST(Iterator, AllocatesNothingPerEntry) {
  const Model model = sample_model();
  const std::string bytes = build_table(model, {});
  Iterator at(opened(bytes));
  at.seek_first();
  at.next();  // the key buffer
  (void)test::take_largest_allocation();
  while (at.valid()) at.next();
  EXPECT_EQ(test::take_largest_allocation(), 0u);
}

}  // namespace
}  // namespace tidelock::table
