#include "agent/value.h"

#include <gtest/gtest.h>

namespace tidelock::agent {
namespace {

const Stamp kStamp{.run = 0xdeadbeef, .writer = 0x12, .counter = 0x345678};

TEST(Value, NamesRunWriterAndCounterInPlainText) {
  std::string value;
  write_value(kStamp, 9, 24, value);
  EXPECT_EQ(value, "deadbeef0012000000345678");
  EXPECT_EQ(read_stamp(value), kStamp);
}

TEST(Value, IsIntactOnlyUnderItsOwnKeyStampAndSize) {
  for (const std::size_t size : {24u, 25u, 31u, 32u, 100u, 4'096u}) {
    std::string value;
    write_value(kStamp, 9, size, value);
    ASSERT_EQ(value.size(), size);
    EXPECT_TRUE(intact(value, kStamp, 9, size));
    EXPECT_EQ(intact(value, kStamp, 10, size), size == 24);  // nothing but the stamp
    EXPECT_FALSE(intact(value, kStamp, 9, size + 1));
    Stamp other = kStamp;
    ++other.counter;
    EXPECT_FALSE(intact(value, other, 9, size));
  }
}

TEST(Value, IsNotIntactWithAnyBitChanged) {
  std::string value;
  write_value(kStamp, 9, 61, value);
  for (std::size_t bit = 0; bit < value.size() * 8; ++bit) {
    value[bit / 8] = static_cast<char>(value[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(intact(value, kStamp, 9, 61)) << "bit " << bit;
    value[bit / 8] = static_cast<char>(value[bit / 8] ^ (1 << bit % 8));
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
