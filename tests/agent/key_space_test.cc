#include "agent/workload/key_space.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "support/temporary_directory.h"

namespace tidelock::agent {
namespace {

class KeyFileTest : public ::testing::Test {
 protected:
  std::string file_with(const std::string& text) {
    const std::string path = directory_.file("keys");
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  test::TemporaryDirectory directory_;
};

using KeyFile = KeyFileTest;

std::vector<std::string> all(const KeySpace& keys) {
  std::vector<std::string> list;
  std::string buffer;
  for (std::uint32_t i = 0; i < keys.count(); ++i) list.emplace_back(keys.at(i, buffer));
  return list;
}

TEST(GeneratedKeys, HaveSixteenBytesAndAscend) {
  const KeySpace keys = KeySpace::generated(3);
  EXPECT_EQ(all(keys),
            (std::vector<std::string>{"key0000000000000", "key0000000000001", "key0000000000002"}));
  std::string buffer;
  EXPECT_EQ(KeySpace::generated(UINT32_MAX).at(UINT32_MAX - 1, buffer), "key0004294967294");
}

TEST(GeneratedKeys, AreSortedAsTheirBytesAre) {
  for (const KeyNames names : {KeyNames::kYcsbOrdered, KeyNames::kYcsbHashed}) {
    for (const std::uint32_t digits : {1, 3, 19, 25}) {
      const KeySpace keys = KeySpace::generated(12'345, names, digits);
      const std::vector<std::string> all_names = all(keys);
      std::vector<std::uint32_t> expected(keys.count());
      std::iota(expected.begin(), expected.end(), 0u);
      std::sort(expected.begin(), expected.end(),
                [&](auto left, auto right) { return all_names[left] < all_names[right]; });
      EXPECT_EQ(keys.in_byte_order(), expected) << digits;
    }
  }
}

TEST_F(KeyFile, GivesItsLinesInOrder) {
  const KeySpace keys = KeySpace::from_file(file_with("pear\napple\nfig"), 0).value();
  EXPECT_EQ(all(keys), (std::vector<std::string>{"pear", "apple", "fig"}));
  EXPECT_EQ(keys.in_byte_order(), (std::vector<std::uint32_t>{1, 2, 0}));
}

TEST_F(KeyFile, LeavesOutEmptyLinesAndRepetitions) {
  const KeySpace keys = KeySpace::from_file(file_with("a\n\nb\na\n"), 0).value();
  EXPECT_EQ(all(keys), (std::vector<std::string>{"a", "b"}));
}

TEST_F(KeyFile, StopsAtTheDesiredCount) {
  EXPECT_EQ(KeySpace::from_file(file_with("a\nb\nc\n"), 2)->count(), 2u);
}

TEST_F(KeyFile, IsRefusedWithoutAUsableKey) {
  EXPECT_EQ(KeySpace::from_file(file_with("\n\n"), 0).error().code(), StatusCode::kInvalid);
  EXPECT_EQ(KeySpace::from_file(file_with(std::string(65'536, 'x')), 0).error().code(),
            StatusCode::kTooLarge);
  EXPECT_EQ(KeySpace::from_file("/nowhere/keys", 0).error().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace tidelock::agent
