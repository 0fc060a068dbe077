#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "tidelock/status.h"

// Sizes and times as people write them. Pure functions.
namespace tidelock::cli {

// "4096", "64K", "64M", "2G", also "64KiB": units are powers of 1,024. kInvalid otherwise.
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);
// "12": digits alone.
[[nodiscard]] Result<std::uint64_t> parse_count(std::string_view text);
// "250ms", "10s", "2m", a bare number is milliseconds; "forever" is Wait::kForEver.
[[nodiscard]] Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// "30", "0.5": a bare number is seconds; else as parse_duration.
[[nodiscard]] Result<std::chrono::milliseconds> parse_seconds(std::string_view text);

// "512 B", "1.4 MiB".
[[nodiscard]] std::string show_size(std::uint64_t bytes);
// "12,345".
[[nodiscard]] std::string show_count(std::uint64_t count);
// "1 entry", "12,345 entries".
[[nodiscard]] std::string show_entries(std::uint64_t count);
// "0.8 s".
[[nodiscard]] std::string show_seconds(std::chrono::nanoseconds time);
// Three digits or so: "12 us", "3.4 ms", "350 ms", "3.2 s", "5 min 12 s", "3 h 5 min".
[[nodiscard]] std::string show_time(std::chrono::nanoseconds time);

}  // namespace tidelock::cli
