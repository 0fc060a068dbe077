#include "cli/record_format.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

namespace tidelock::cli {
namespace {

using namespace std::string_literals;

Entry parsed(RecordFormat format, std::string_view line) {
  auto record = parse_record(format, line, 7);
  EXPECT_TRUE(record) << line << ": " << record.status().to_string();
  if (!record || !record->has_value()) return Entry{};
  return **record;
}

void expect_refused(RecordFormat format, std::string_view line, std::string_view reason) {
  const auto record = parse_record(format, line, 7);
  ASSERT_FALSE(record) << line;
  EXPECT_EQ(record.error().code(), StatusCode::kInvalid);
  EXPECT_NE(record.error().message().find(reason), std::string::npos)
      << line << ": " << record.error().message();
}

TEST(FormatOf, GoesByTheEndOfTheName) {
  EXPECT_EQ(format_of("a.tsv"), RecordFormat::kTsv);
  EXPECT_EQ(format_of("a.jsonl"), RecordFormat::kJsonLines);
  EXPECT_EQ(format_of("a.ndjson"), RecordFormat::kJsonLines);
  EXPECT_EQ(format_of("words"), std::nullopt);
}

TEST(Lines, AreKeysWithTheirNumbersAsValues) {
  const Entry entry = parsed(RecordFormat::kLines, "a\\t b\tc");
  EXPECT_EQ(entry.key, "a\\t b\tc");
  EXPECT_EQ(entry.value, "7");
  EXPECT_EQ(parsed(RecordFormat::kLines, "").value, "7") << "an empty line is the empty key";
}

TEST(Lines, CannotHoldAKeyOfTwoLines) {
  std::string out;
  EXPECT_EQ(append_record(RecordFormat::kLines, "a\nb", "", out).code(), StatusCode::kInvalid);
  EXPECT_EQ(out, "");
}

TEST(Tsv, SplitsAtItsOneTab) {
  const Entry entry = parsed(RecordFormat::kTsv, "a\\tb\tc\\n\\\\\\xff");
  EXPECT_EQ(entry.key, "a\tb");
  EXPECT_EQ(entry.value, "c\n\\\xff");
  EXPECT_EQ(parsed(RecordFormat::kTsv, "\t").key, "");
}

TEST(Tsv, SaysWhatIsWrong) {
  expect_refused(RecordFormat::kTsv, "", "no tab");
  expect_refused(RecordFormat::kTsv, "key", "no tab");
  expect_refused(RecordFormat::kTsv, "a\tb\tc", "more than one tab");
  expect_refused(RecordFormat::kTsv, "\\q\tb", "key: unknown escape");
  expect_refused(RecordFormat::kTsv, "a\tb\\", "value: unknown escape");
}

TEST(JsonLines, TakeTextOrBase64) {
  const Entry entry =
      parsed(RecordFormat::kJsonLines, R"( {"value_base64": "/wA=", "key": "Zo\u00eb\u0000"} )");
  EXPECT_EQ(entry.key, "Zoë\0"s);
  EXPECT_EQ(entry.value, "\xff\0"s);
}

TEST(JsonLines, SkipBlankLines) {
  for (const char* blank : {"", "  ", "\t", "\r"}) {
    const auto record = parse_record(RecordFormat::kJsonLines, blank, 1);
    ASSERT_TRUE(record);
    EXPECT_FALSE(record->has_value());
  }
}

TEST(JsonLines, SayWhatIsWrong) {
  expect_refused(RecordFormat::kJsonLines, "[1]", "no JSON object");
  expect_refused(RecordFormat::kJsonLines, "{", "no JSON: column 2: ");
  expect_refused(RecordFormat::kJsonLines, "{} {}", "unexpected '{'");
  expect_refused(RecordFormat::kJsonLines, R"({"key":1e66666,"value":""})",
                 "no JSON: number overflow");
  expect_refused(RecordFormat::kJsonLines, "{\"key\":\"\xff\",\"value\":\"\"}", "ill-formed UTF-8");
  expect_refused(RecordFormat::kJsonLines, R"({"key":"a","key":"b","value":""})",
                 "more than one member \"key\"");
  expect_refused(RecordFormat::kJsonLines, R"({"key":"a","value":"","value":""})",
                 "more than one member \"value\"");
  expect_refused(RecordFormat::kJsonLines, R"({"value":""})", "needs either \"key\"");
  expect_refused(RecordFormat::kJsonLines, R"({"key":"a","key_base64":"","value":""})",
                 "needs either \"key\"");
  expect_refused(RecordFormat::kJsonLines, R"({"key":"a","value":1})", "\"value\" is no string");
  expect_refused(RecordFormat::kJsonLines, R"({"key":"a","value_base64":"!"})", "not base64");
  expect_refused(RecordFormat::kJsonLines, R"({"key":"a","value":"","ttl":"1"})",
                 "unknown member \"ttl\"");
}

TEST(JsonLines, SayItBriefly) {
  const std::string line = "{\"key\":\"" + std::string(10'000, 'a') + "\n";
  const auto record = parse_record(RecordFormat::kJsonLines, line, 1);
  ASSERT_FALSE(record);
  EXPECT_LT(record.error().message().size(), 200u);
}

TEST(Lines, KeepACarriageReturnAsData) {
  EXPECT_EQ(parsed(RecordFormat::kLines, "a\r").key, "a\r");
  EXPECT_EQ(parsed(RecordFormat::kTsv, "a\tb\r").value, "b\r");
}

TEST(JsonLines, OutliveDeepNesting) {
  const std::string deep(200'000, '[');
  expect_refused(RecordFormat::kJsonLines, deep, "no JSON: ");
  expect_refused(RecordFormat::kJsonLines, deep + std::string(200'000, ']'), "no JSON object");
}

TEST(RecordFormat, ReadsBackWhateverItWrites) {
  const char* given = std::getenv("TIDELOCK_SEED");
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device{}();
  std::printf("TIDELOCK_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  const auto bytes = [&] {
    std::string text(random() % 12, '\0');
    for (char& c : text) c = static_cast<char>(random() % 2 == 0 ? random() : 'a' + random() % 26);
    return text;
  };
  for (int i = 0; i < 5'000; ++i) {
    const std::string key = bytes();
    const std::string value = bytes();
    for (const RecordFormat format : {RecordFormat::kTsv, RecordFormat::kJsonLines}) {
      std::string line;
      ASSERT_TRUE(append_record(format, key, value, line).ok());
      ASSERT_EQ(line.find('\n'), line.size() - 1);
      line.pop_back();
      const Entry entry = parsed(format, line);
      ASSERT_EQ(entry.key, key);
      ASSERT_EQ(entry.value, value);
    }
  }
}

// The fuzz target's oracle, on random bytes: an answer, never a crash; what parses can be written.
TEST(RecordFormat, AnswersAnyLine) {
  std::mt19937_64 random(1);
  const std::string_view alphabet = "\t\\nx0f{}\"key_valuebase64:, \xff";
  for (int i = 0; i < 20'000; ++i) {
    std::string line(random() % 30, '\0');
    for (char& c : line) c = alphabet[random() % alphabet.size()];
    for (const RecordFormat format :
         {RecordFormat::kLines, RecordFormat::kTsv, RecordFormat::kJsonLines}) {
      const auto record = parse_record(format, line, 1);
      if (!record || !record->has_value()) continue;
      std::string again;
      ASSERT_TRUE(append_record(format, (*record)->key, (*record)->value, again).ok());
    }
  }
}

}  // namespace
}  // namespace tidelock::cli
