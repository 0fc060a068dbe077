#include "table/compression.h"

#include <gtest/gtest.h>

#include "table_samples.h"

namespace tidelock::table {
namespace {

// Repeats itself, as text does.
std::string words(std::mt19937_64& random, std::size_t length) {
  const std::string dictionary = random_bytes(random, 40);
  std::string text;
  while (text.size() < length) text += dictionary.substr(below(random, 20), 20);
  return text.substr(0, length);
}

class CompressionTest : public testing::TestWithParam<Compression> {
 protected:
  Compressor compressor_{GetParam()};
  std::string packed_;
  std::string unpacked_;
};

TEST_P(CompressionTest, UnpacksWhatItPacked) {
  std::mt19937_64 random(random_seed());
  for (const std::size_t length : {200, 4096, 100'000}) {
    const std::string block = words(random, length);
    const Compression used = compressor_.pack(block, packed_);
    ASSERT_EQ(used, GetParam());
    EXPECT_LT(packed_.size(), block.size());
    ASSERT_TRUE(unpack(packed_, used, unpacked_));
    EXPECT_EQ(unpacked_, block);
  }
}

TEST_P(CompressionTest, LeavesAloneWhatDoesNotPack) {
  std::mt19937_64 random(random_seed());
  std::string noise;
  while (noise.size() < 4096) noise.push_back(static_cast<char>(random()));
  EXPECT_EQ(compressor_.pack(noise, packed_), Compression::kNone);
  EXPECT_EQ(compressor_.pack("abc", packed_), Compression::kNone);
}

TEST_P(CompressionTest, NeverPacksTighterThanReadersAccept) {
  for (const std::size_t length : {4096u, 1u << 20, 10u << 20}) {
    const std::string zeroes(length, '\0');
    const Compression used = compressor_.pack(zeroes, packed_);
    ASSERT_NE(used, Compression::kNone);
    ASSERT_TRUE(unpack(packed_, used, unpacked_)) << length;
    EXPECT_EQ(unpacked_, zeroes);
  }
}

TEST_P(CompressionTest, RefusesALengthBeyondTheLimit) {
  ASSERT_EQ(compressor_.pack(std::string(4096, 'a'), packed_), GetParam());
  packed_.replace(0, 4, "\xff\xff\xff\x7f");
  EXPECT_FALSE(unpack(packed_, GetParam(), unpacked_));
  EXPECT_LT(unpacked_.capacity(), kExpansionMax * 4096);
}

TEST_P(CompressionTest, RefusesDamage) {
  std::mt19937_64 random(random_seed());
  const std::string block = words(random, 1000);
  ASSERT_EQ(compressor_.pack(block, packed_), GetParam());
  for (std::size_t length = 0; length < packed_.size(); ++length) {
    EXPECT_FALSE(unpack(packed_.substr(0, length), GetParam(), unpacked_));
  }
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = packed_;
    damaged[below(random, damaged.size())] = static_cast<char>(random());
    (void)unpack(damaged, GetParam(), unpacked_);  // anything but a crash
  }
}

INSTANTIATE_TEST_SUITE_P(All, CompressionTest,
                         testing::Values(Compression::kLz4, Compression::kZstd),
                         [](const auto& tested) {
                           return tested.param == Compression::kLz4 ? "Lz4" : "Zstd";
                         });

}  // namespace
}  // namespace tidelock::table
