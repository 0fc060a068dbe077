#include "cli/units.h"

#include <gtest/gtest.h>

#include "tidelock/wait.h"

namespace tidelock::cli {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

TEST(Size, IsANumberWithABinaryUnit) {
  EXPECT_EQ(parse_size("0").value(), 0u);
  EXPECT_EQ(parse_size("4096").value(), 4096u);
  EXPECT_EQ(parse_size("64K").value(), 65536u);
  EXPECT_EQ(parse_size("64k").value(), 65536u);
  EXPECT_EQ(parse_size("64MiB").value(), std::uint64_t{64} << 20);
  EXPECT_EQ(parse_size("16777215G").value(), std::uint64_t{16777215} << 30);
}

TEST(Size, RefusesWhatIsNoneAndWhatOverflows) {
  for (const char* bad : {"", "M", "-1", "1.5M", "1 M", "64MB", "64iB", "1T", "99999999999G",
                          "18446744073709551616"}) {
    EXPECT_FALSE(parse_size(bad)) << bad;
  }
}

TEST(Count, IsDigitsAlone) {
  EXPECT_EQ(parse_count("18446744073709551615").value(), UINT64_MAX);
  for (const char* bad : {"", "-1", "1k", " 1", "18446744073709551616"}) {
    EXPECT_FALSE(parse_count(bad)) << bad;
  }
}

TEST(Duration, IsANumberWithAUnitOrForEver) {
  EXPECT_EQ(parse_duration("250").value(), 250ms);
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("10s").value(), 10s);
  EXPECT_EQ(parse_duration("2m").value(), 2min);
  EXPECT_EQ(parse_duration("forever").value(), Wait::kForEver);
  for (const char* bad : {"", "s", "-1s", "1h", "1.5s", "99999999999999m"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(Show, WritesNumbersForPeople) {
  EXPECT_EQ(show_size(0), "0 B");
  EXPECT_EQ(show_size(1023), "1023 B");
  EXPECT_EQ(show_size(1536), "1.5 KiB");
  EXPECT_EQ(show_size(std::uint64_t{64} << 20), "64.0 MiB");
  EXPECT_EQ(show_count(0), "0");
  EXPECT_EQ(show_count(999), "999");
  EXPECT_EQ(show_count(1'234'567), "1,234,567");
  EXPECT_EQ(show_seconds(840ms), "0.8 s");
}

TEST(Seconds, AreWhatABareNumberMeans) {
  EXPECT_EQ(parse_seconds("30").value(), milliseconds(30'000));
  EXPECT_EQ(parse_seconds("0.25").value(), milliseconds(250));
  EXPECT_EQ(parse_seconds("0").value(), milliseconds(0));
  EXPECT_EQ(parse_seconds("0.0001").value(), milliseconds(1)) << "a moment is not nothing";
  EXPECT_EQ(parse_seconds("250ms").value(), milliseconds(250));
  EXPECT_EQ(parse_seconds("2m").value(), milliseconds(120'000));
  EXPECT_EQ(parse_seconds("forever").value(), Wait::kForEver);
  for (const char* wrong : {"", "-1", "soon", "1.5.5", "1e3", "inf", "nan", "99999999999"}) {
    EXPECT_EQ(parse_seconds(wrong).status().code(), StatusCode::kInvalid) << wrong;
  }
}

TEST(Show, TimesInTheUnitThatFits) {
  const std::pair<std::chrono::nanoseconds, const char*> times[] = {
      {std::chrono::nanoseconds(0), "0 us"},
      {std::chrono::microseconds(12), "12 us"},
      {std::chrono::microseconds(3'400), "3.4 ms"},
      {milliseconds(350), "350 ms"},
      {milliseconds(3'250), "3.2 s"},
      {milliseconds(312'000), "5 min 12 s"},
      {std::chrono::minutes(185), "3 h 5 min"}};
  for (const auto& [time, text] : times) EXPECT_EQ(show_time(time), text);
}

}  // namespace
}  // namespace tidelock::cli
