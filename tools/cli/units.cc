#include "cli/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

#include "tidelock/wait.h"

namespace tidelock::cli {
namespace {

struct Quantity {
  std::uint64_t number = 0;
  std::string_view unit;
};

// The digits at the front and what follows them; false if there are none or too many.
bool split(std::string_view text, Quantity& quantity) {
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), quantity.number);
  quantity.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  return error == std::errc();
}

bool multiply(std::uint64_t& number, std::uint64_t factor, std::uint64_t limit) {
  if (number > limit / factor) return false;
  number *= factor;
  return true;
}

std::string one_decimal(double number, std::string_view unit) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.1f %.*s", number,
                                   static_cast<int>(unit.size()), unit.data());
  return std::string(text.data(), static_cast<std::size_t>(length));
}

}  // namespace

Result<std::uint64_t> parse_size(std::string_view text) {
  const Status bad(StatusCode::kInvalid,
                   "'" + std::string(text) + "' is no size (examples: 4096, 64K, 64M, 2G)");
  Quantity size;
  if (!split(text, size)) return bad;
  std::string_view unit = size.unit;
  if (unit.ends_with("iB")) unit.remove_suffix(2);
  if (unit.size() != size.unit.size() && unit.empty()) return bad;
  std::uint64_t factor = 1;
  if (unit == "K" || unit == "k") {
    factor = std::uint64_t{1} << 10;
  } else if (unit == "M") {
    factor = std::uint64_t{1} << 20;
  } else if (unit == "G") {
    factor = std::uint64_t{1} << 30;
  } else if (!unit.empty()) {
    return bad;
  }
  if (!multiply(size.number, factor, std::numeric_limits<std::uint64_t>::max())) return bad;
  return size.number;
}

Result<std::uint64_t> parse_count(std::string_view text) {
  Quantity count;
  if (split(text, count) && count.unit.empty()) return count.number;
  return Status(StatusCode::kInvalid, "'" + std::string(text) + "' is no number");
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "forever") return Wait::kForEver;
  const Status bad(StatusCode::kInvalid,
                   "'" + std::string(text) + "' is no time (examples: 250ms, 10s, 2m, forever)");
  Quantity time;
  if (!split(text, time)) return bad;
  std::uint64_t factor = 1;
  if (time.unit == "s") {
    factor = 1'000;
  } else if (time.unit == "m") {
    factor = 60'000;
  } else if (!time.unit.empty() && time.unit != "ms") {
    return bad;
  }
  constexpr std::uint64_t kDay = 86'400'000;
  if (!multiply(time.number, factor, 10'000 * kDay)) return bad;
  return std::chrono::milliseconds(time.number);
}

Result<std::chrono::milliseconds> parse_seconds(std::string_view text) {
  constexpr double kMax = 1e9;
  double seconds = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  const bool bare = error == std::errc() && end == text.data() + text.size();
  if (!bare) return parse_duration(text);
  if (!(seconds >= 0 && seconds <= kMax)) {
    return Status(StatusCode::kInvalid, "'" + std::string(text) + "' is no number of seconds");
  }
  // A moment is not nothing: rounded up.
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1e3)));
}

std::string show_size(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double number = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; number >= 1024 && unit + 1 < kUnits.size(); ++unit) number /= 1024;
  return one_decimal(number, kUnits[unit]);
}

std::string show_count(std::uint64_t count) {
  const std::string digits = std::to_string(count);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text.push_back(',');
    text.push_back(digits[i]);
  }
  return text;
}

std::string show_entries(std::uint64_t count) {
  return show_count(count) + (count == 1 ? " entry" : " entries");
}

std::string show_seconds(std::chrono::nanoseconds time) {
  return one_decimal(std::chrono::duration<double>(time).count(), "s");
}

std::string show_time(std::chrono::nanoseconds time) {
  const auto count = static_cast<double>(time.count());
  if (count < 1e6) return std::to_string(time.count() / 1'000) + " us";
  if (count < 1e7) return one_decimal(count / 1e6, "ms");
  if (count < 1e9) return std::to_string(time.count() / 1'000'000) + " ms";
  if (count < 6e10) return one_decimal(count / 1e9, "s");
  const std::int64_t minutes = time.count() / 60'000'000'000;
  const std::int64_t seconds = time.count() / 1'000'000'000 % 60;
  if (minutes < 60) return std::to_string(minutes) + " min " + std::to_string(seconds) + " s";
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

}  // namespace tidelock::cli
