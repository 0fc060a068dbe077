#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// A Bloom filter over the hashes of a table's keys. All bits of one key lie in one cache line, so
// that a key that is not there costs one miss (Putze, Sanders, Singler 2007, "Cache-, hash- and
// space-efficient Bloom filters"). Layout: n lines of 64 bytes. A key with hash h belongs to line
//
//   (h >> 32) * n >> 32
//
// and sets `probes` bits of it: x starts as h; for each bit x is multiplied by 0x9E3779B97F4A7C15
// (mod 2^64), and its top 9 bits number the bit: bit b is bit b % 8 of byte b / 8.
namespace tidelock::table {

inline constexpr std::size_t kFilterLineBytes = 64;
inline constexpr std::uint32_t kBloomBitsPerKeyMax = 32;

// How many bits a key sets, at least 1; of the format, as `bits_per_key` is recorded.
[[nodiscard]] std::uint32_t filter_probes(std::uint32_t bits_per_key) noexcept;

// The filter's bytes; empty if bits_per_key is 0.
[[nodiscard]] std::string build_filter(const std::vector<std::uint64_t>& hashes,
                                       std::uint32_t bits_per_key);

// Reads a filter in place; the bytes must outlive it.
class Filter {
 public:
  Filter() = default;  // lets everything through
  // Precondition: bytes.size() is a multiple of kFilterLineBytes, of less than 2^32 lines.
  Filter(std::string_view bytes, std::uint32_t bits_per_key) noexcept;

  [[nodiscard]] bool empty() const noexcept { return lines_ == 0; }
  // False: no key with this hash is in the table.
  [[nodiscard]] bool may_contain(std::uint64_t hash) const noexcept;
  // Starts to load what may_contain will need.
  void prefetch(std::uint64_t hash) const noexcept;

 private:
  const char* bytes_ = nullptr;
  std::uint64_t lines_ = 0;
  std::uint32_t probes_ = 0;
};

}  // namespace tidelock::table
