#include "table/filter.h"

#include <algorithm>

namespace tidelock::table {

namespace {

constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15;
constexpr unsigned kLineBitsShift = 64 - 9;  // the top 9 bits number one of 512
constexpr std::uint64_t kLineBits = kFilterLineBytes * 8;
constexpr std::uint64_t kLinesMax = 0xFFFFFFFF;

std::size_t line_offset(std::uint64_t hash, std::uint64_t lines) noexcept {
  return static_cast<std::size_t>((hash >> 32) * lines >> 32) * kFilterLineBytes;
}

}  // namespace

std::uint32_t filter_probes(std::uint32_t bits_per_key) noexcept {
  return std::max<std::uint32_t>(1, (bits_per_key * 6 + 5) / 10);
}

std::string build_filter(const std::vector<std::uint64_t>& hashes, std::uint32_t bits_per_key) {
  if (bits_per_key == 0 || hashes.empty()) return {};
  const std::uint64_t bits = hashes.size() * std::uint64_t{bits_per_key};
  const std::uint64_t lines = std::min((bits + kLineBits - 1) / kLineBits, kLinesMax);
  const std::uint32_t probes = filter_probes(bits_per_key);
  std::string bytes(lines * kFilterLineBytes, '\0');
  for (const std::uint64_t hash : hashes) {
    char* const line = bytes.data() + line_offset(hash, lines);
    std::uint64_t x = hash;
    for (std::uint32_t i = 0; i < probes; ++i) {
      x *= kMultiplier;
      const auto bit = static_cast<unsigned>(x >> kLineBitsShift);
      line[bit / 8] = static_cast<char>(line[bit / 8] | 1 << bit % 8);
    }
  }
  return bytes;
}

Filter::Filter(std::string_view bytes, std::uint32_t bits_per_key) noexcept
    : bytes_(bytes.data()),
      lines_(bytes.size() / kFilterLineBytes),
      probes_(filter_probes(bits_per_key)) {}

bool Filter::may_contain(std::uint64_t hash) const noexcept {
  if (lines_ == 0) return true;
  const char* const line = bytes_ + line_offset(hash, lines_);
  std::uint64_t x = hash;
  for (std::uint32_t i = 0; i < probes_; ++i) {
    x *= kMultiplier;
    const auto bit = static_cast<unsigned>(x >> kLineBitsShift);
    if ((line[bit / 8] >> bit % 8 & 1) == 0) return false;
  }
  return true;
}

void Filter::prefetch(std::uint64_t hash) const noexcept {
  if (lines_ != 0) __builtin_prefetch(bytes_ + line_offset(hash, lines_));
}

}  // namespace tidelock::table
