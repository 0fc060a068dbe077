#include "cli/completion.h"

#include <gtest/gtest.h>

namespace tidelock::cli {
namespace {

using Words = std::vector<std::string>;

Words keys(std::string_view prefix) {
  Words found;
  for (const char* key : {"", "apple", "apple pie", "pear", "it's"}) {
    if (std::string_view(key).starts_with(prefix)) found.emplace_back(key);
  }
  return found;
}

TEST(Completion, OffersCommandsFirst) {
  EXPECT_EQ(complete("co", keys).candidates, (Words{"compact", "count"}));
  EXPECT_EQ(complete("he", keys).candidates, Words{"help"});
  EXPECT_EQ(complete("create", keys).candidates, Words{}) << "the shell has its database";
}

TEST(Completion, OffersTheCommandsOptions) {
  EXPECT_EQ(complete("scan --pre", keys).candidates, Words{"--prefix"});
  EXPECT_EQ(complete("get --pre", keys).candidates, Words{});
  EXPECT_EQ(complete("stats --j", keys).candidates, Words{"--json"});
}

TEST(Completion, OffersKeysAsTheShellReadsThem) {
  const Completion plain = complete("get app", keys);
  EXPECT_EQ(plain.word_begin, 4u);
  EXPECT_EQ(plain.candidates, (Words{"apple", "apple\\ pie"}));
  EXPECT_EQ(complete("get \"apple p", keys).candidates, Words{"apple\\ pie"});
  EXPECT_EQ(complete("get apple\\ p", keys).candidates, Words{"apple\\ pie"});
  EXPECT_EQ(complete("get it", keys).candidates, Words{"it\\'s"});
  EXPECT_EQ(complete("get ", keys).candidates.size(), 5u);
}

TEST(Completion, HasNothingForUnknownCommandsAndBrokenQuotes) {
  EXPECT_EQ(complete("bogus app", keys).candidates, Words{});
  EXPECT_EQ(complete("get \\q app", keys).candidates, Words{});
  EXPECT_EQ(complete("stats app", keys).candidates, Words{}) << "no command about keys";
}

TEST(CommonBeginning, IsWhatAllShare) {
  EXPECT_EQ(common_beginning({}), "");
  EXPECT_EQ(common_beginning({"apple", "apple\\ pie"}), "apple");
  EXPECT_EQ(common_beginning({"apple", "pear"}), "");
}

}  // namespace
}  // namespace tidelock::cli
