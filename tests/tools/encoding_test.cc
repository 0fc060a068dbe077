#include "cli/encoding.h"

#include <gtest/gtest.h>

#include <random>

#include "cli/exit_code.h"

namespace tidelock::cli {
namespace {

using namespace std::string_literals;

std::string random_bytes(std::mt19937_64& random, std::size_t size_max) {
  std::string bytes(random() % (size_max + 1), '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

std::uint64_t seed() {
  const char* given = std::getenv("TIDELOCK_SEED");
  const std::uint64_t value = given != nullptr ? std::stoull(given) : std::random_device{}();
  std::printf("TIDELOCK_SEED=%llu\n", static_cast<unsigned long long>(value));
  return value;
}

TEST(Hex, WritesTwoDigitsAByte) {
  EXPECT_EQ(to_hex("\x00\xff"
                   "A"s),
            "00ff41");
  EXPECT_EQ(to_hex(""), "");
}

TEST(Hex, ReadsBothCases) {
  EXPECT_EQ(from_hex("00fFAa").value(), "\x00\xff\xaa"s);
}

TEST(Hex, RefusesHalfABytesAndForeignCharacters) {
  for (const char* bad : {"0", "001", "0g", "0 ", " 00", "0x00"}) {
    EXPECT_FALSE(from_hex(bad)) << bad;
  }
}

TEST(Base64, AgreesWithTheExamplesOfRfc4648) {
  const std::pair<const char*, const char*> examples[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : examples) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text).value(), bytes);
  }
}

TEST(Base64, GivesEachValueOneSpelling) {
  for (const char* bad : {"Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", "Zm-_",
                          "Zg==Zg==", "=Zm9"}) {
    EXPECT_FALSE(from_base64(bad)) << bad;
  }
}

TEST(Utf8, AcceptsWellFormedText) {
  for (const char* text : {"", "plain", "Zoë", "日本", "\xf0\x9f\x8c\x8a", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
}

TEST(Utf8, RefusesOverlongSurrogateCutAndStrayBytes) {
  for (const char* bytes : {"\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",
                            "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80", "\xc3",
                            "\xe6\x97", "\xf0\x9f\x8c", "\xc3(", "\xff"}) {
    EXPECT_FALSE(is_utf8(bytes)) << to_hex(bytes);
  }
}

TEST(Escape, KeepsTextAndSpellsTheRest) {
  EXPECT_EQ(escape("Zoë\tis\\here\n"), "Zoë\\tis\\\\here\\n");
  EXPECT_EQ(escape("\0\r\x1b[2J\x7f\xff"s), "\\x00\\x0d\\x1b[2J\\x7f\\xff");
  EXPECT_EQ(escape("\xc2\x9b"
                   "31m"),
            "\\xc2\\x9b31m")
      << "a terminal acts on U+009B";
}

TEST(Escape, RefusesWhatItDoesNotWrite) {
  for (const char* bad : {"\\", "\\q", "\\x", "\\x1", "\\xg0", "a\\"}) {
    EXPECT_FALSE(unescape(bad)) << bad;
  }
}

TEST(Encoding, GivesAnyBytesBack) {
  std::mt19937_64 random(seed());
  for (int i = 0; i < 5'000; ++i) {
    const std::string bytes = random_bytes(random, 40);
    ASSERT_EQ(from_hex(to_hex(bytes)).value(), bytes);
    ASSERT_EQ(from_base64(to_base64(bytes)).value(), bytes);
    const std::string escaped = escape(bytes);
    ASSERT_EQ(unescape(escaped).value(), bytes);
    ASSERT_TRUE(is_utf8(escaped));
    ASSERT_EQ(escaped.find_first_of("\t\n\r\x1b"), std::string::npos);
  }
}

TEST(ExitCode, TellsTheFiveKindsOfFailureApart) {
  EXPECT_EQ(exit_code(StatusCode::kOk), ExitCode::kOk);
  EXPECT_EQ(exit_code(StatusCode::kNotFound), ExitCode::kNotFound);
  EXPECT_EQ(exit_code(StatusCode::kInvalid), ExitCode::kUsage);
  EXPECT_EQ(exit_code(StatusCode::kTimedOut), ExitCode::kBusy);
  EXPECT_EQ(exit_code(StatusCode::kCorruption), ExitCode::kDamage);
  EXPECT_EQ(exit_code(StatusCode::kNoSpace), ExitCode::kIo);
}

TEST(Printable, LeavesWhatCanBeReadAlone) {
  EXPECT_EQ(printable("known are \\t and 'Zoë'"), "known are \\t and 'Zoë'");
  EXPECT_EQ(printable("a\nb\xff\x1b"), "a\\nb\\xff\\x1b");
  EXPECT_EQ(printable(escape("a\nb\xff")), escape("a\nb\xff"));
}

}  // namespace
}  // namespace tidelock::cli
