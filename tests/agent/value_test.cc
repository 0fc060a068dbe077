#include "agent/workload/value.h"

#include <gtest/gtest.h>
#include <lz4.h>

#include <set>

namespace tidelock::agent {
namespace {

ValueShape of_size(std::size_t size) {
  return {.sizes = Sizes::fixed(size)};
}

const Stamp kStamp{.run = 0xdeadbeef, .writer = 0x12, .counter = 0x345678};

TEST(Value, NamesRunWriterAndCounterInPlainText) {
  std::string value;
  write_value(kStamp, 9, of_size(24), value);
  EXPECT_EQ(value, "deadbeef0012000000345678");
  EXPECT_EQ(read_stamp(value), kStamp);
}

TEST(Value, IsIntactOnlyUnderItsOwnKeyStampAndSize) {
  for (const std::size_t size : {24u, 25u, 31u, 32u, 100u, 4'096u}) {
    std::string value;
    write_value(kStamp, 9, of_size(size), value);
    ASSERT_EQ(value.size(), size);
    EXPECT_TRUE(intact(value, kStamp, 9, of_size(size)));
    EXPECT_EQ(intact(value, kStamp, 10, of_size(size)), size == 24);  // nothing but the stamp
    EXPECT_FALSE(intact(value, kStamp, 9, of_size(size + 1)));
    Stamp other = kStamp;
    ++other.counter;
    EXPECT_FALSE(intact(value, other, 9, of_size(size)));
  }
}

TEST(Value, IsNotIntactWithAnyBitChanged) {
  std::string value;
  write_value(kStamp, 9, of_size(61), value);
  for (std::size_t bit = 0; bit < value.size() * 8; ++bit) {
    value[bit / 8] = static_cast<char>(value[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(intact(value, kStamp, 9, of_size(61))) << "bit " << bit;
    value[bit / 8] = static_cast<char>(value[bit / 8] ^ (1 << bit % 8));
  }
}

TEST(Value, HasTheSizeThatItsStampSays) {
  const ValueShape shape{.sizes = Sizes::uniform(30, 60)};
  std::string value;
  std::set<std::size_t> sizes;
  for (std::uint64_t counter = 0; counter < 500; ++counter) {
    const Stamp stamp{.run = 1, .writer = 2, .counter = counter};
    write_value(stamp, 9, shape, value);
    sizes.insert(value.size());
    EXPECT_TRUE(intact(value, stamp, 9, shape));
  }
  EXPECT_EQ(*sizes.begin(), 30u);
  EXPECT_EQ(*sizes.rbegin(), 60u);
}

TEST(Value, OfAnySizeIsNotIntactIfItIsCutShort) {
  const ValueShape shape{.any_size = true};
  std::string value;
  for (const std::size_t size : {0u, 24u, 33u, 100u, 400u}) {
    write_value(kStamp, 9, shape, value, size);
    EXPECT_EQ(value.size(), std::max(size, kAnySizeMin));
    EXPECT_TRUE(intact(value, kStamp, 9, shape));
    for (std::size_t cut = 0; cut < value.size(); ++cut) {
      EXPECT_FALSE(intact(value.substr(0, cut), kStamp, 9, shape)) << size << " to " << cut;
    }
    EXPECT_FALSE(intact(value + "x", kStamp, 9, shape));
  }
}

TEST(Value, ShrinksAsFarAsAskedFor) {
  for (const double ratio : {0.25, 0.5, 1.0}) {
    const ValueShape shape{.sizes = Sizes::fixed(1'000), .ratio = ratio};
    std::string text, value;
    for (std::uint64_t counter = 0; counter < 100; ++counter) {
      write_value({.run = 1, .writer = 2, .counter = counter}, 9, shape, value);
      text += value;
    }
    std::string packed(static_cast<std::size_t>(LZ4_compressBound(100'000)), 0);
    const int size =
        LZ4_compress_default(text.data(), packed.data(), 100'000, static_cast<int>(packed.size()));
    EXPECT_NEAR(size / 100'000.0, ratio, 0.1);
  }
}

TEST(Value, OfSomebodyElseHasNoStamp) {
  EXPECT_FALSE(read_stamp("").has_value());
  EXPECT_FALSE(read_stamp("1234").has_value());
  EXPECT_FALSE(read_stamp("deadbeef00120000003456").has_value());
  EXPECT_FALSE(read_stamp("DEADBEEF0012000000345678").has_value());
  EXPECT_FALSE(read_stamp("a perfectly ordinary value").has_value());
}

}  // namespace
}  // namespace tidelock::agent
