#include "cli/shell_words.h"

#include <gtest/gtest.h>

#include <random>

namespace tidelock::cli {
namespace {

using namespace std::string_literals;
using Words = std::vector<std::string>;

TEST(SplitWords, CutsAtBlanks) {
  EXPECT_EQ(split_words("").value(), Words{});
  EXPECT_EQ(split_words("  \t ").value(), Words{});
  EXPECT_EQ(split_words(" put  key\tvalue ").value(), (Words{"put", "key", "value"}));
}

TEST(SplitWords, ReadsQuotesAndEscapes) {
  EXPECT_EQ(split_words(R"(put 'a b\n' "c \"d\"\t")").value(),
            (Words{"put", "a b\\n", "c \"d\"\t"}));
  EXPECT_EQ(split_words(R"(a\ b \x00\xff \\ \')").value(), (Words{"a b", "\0\xff"s, "\\", "'"}));
  EXPECT_EQ(split_words(R"(get "" '')").value(), (Words{"get", "", ""}));
  EXPECT_EQ(split_words(R"(a'b'"c"d)").value(), (Words{"abcd"}));
}

TEST(SplitWords, EndsAtAComment) {
  EXPECT_EQ(split_words("# nothing").value(), Words{});
  EXPECT_EQ(split_words("get a#b # rest").value(), (Words{"get", "a#b"}));
}

TEST(SplitWords, RefusesWhatDoesNotEnd) {
  for (const char* bad : {"'a", "\"a", "a\\", "\\q", "\\x1", "\"\\"}) {
    EXPECT_FALSE(split_words(bad)) << bad;
  }
}

TEST(QuoteWord, IsReadBack) {
  std::mt19937_64 random(1);
  const std::string alphabet = "ab \t\n\\'\"#\xff\x00-"s;
  for (int i = 0; i < 5'000; ++i) {
    std::string bytes(random() % 8, '\0');
    for (char& c : bytes) c = alphabet[random() % alphabet.size()];
    ASSERT_EQ(split_words(quote_word(bytes)).value(), Words{bytes}) << quote_word(bytes);
  }
  EXPECT_EQ(quote_word("plain"), "plain");
  EXPECT_EQ(quote_word("two words"), "two\\ words");
}

}  // namespace
}  // namespace tidelock::cli
