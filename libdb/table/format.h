#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "tidelock/status.h"

// What all parts of a sorted table file (`n.sst`) share. The file, from its first byte:
//
//   data blocks   back to back, see block.h; each followed by its seal
//   zeroes        0 to 63, so that the filter begins at a multiple of 64
//   filter        may be empty, see filter.h
//   index         see index.h
//   properties    see properties.h
//   footer        104 bytes, see properties.h
//
// Numbers are little-endian. Every byte is covered: blocks and sections by a checksum each, the
// footer by its own, the padding because it must be zero. A table is written once, under another
// name, and never changed after it got its own; whatever a reader finds else is damage.
namespace tidelock::table {

static_assert(std::endian::native == std::endian::little, "tables are read in place");

inline constexpr std::uint32_t kFormatVersion = 1;

// What an entry says of its key. Persisted in each entry; never renumber. Others are refused.
enum class Kind : std::uint8_t {
  kPut = 1,    // the key has this value
  kErase = 2,  // the key is gone, whatever older tables say; the value is empty
};

[[nodiscard]] constexpr bool is_known(std::uint8_t kind) noexcept {
  return kind == static_cast<std::uint8_t>(Kind::kPut) ||
         kind == static_cast<std::uint8_t>(Kind::kErase);
}

// Behind each block: u8 compression, then u64 checksum of the block as stored and that byte.
inline constexpr std::size_t kSealBytes = 9;

// Which table of which database a file is. Checksums depend on it, so that a block of another
// table is damage even where it is whole.
struct Identity {
  std::array<std::uint64_t, 2> uuid{};  // of the database
  std::uint64_t number = 0;             // of the file; never used twice in one database
  bool operator==(const Identity&) const = default;
};

// Checksums of the blocks and sections of one table: XXH3, 64 bits, seeded with the table's
// identity XOR the file offset of the first byte covered. So a block that was moved, or that came
// from another table, does not match.
class Checksums {
 public:
  explicit Checksums(const Identity& identity) noexcept;
  [[nodiscard]] std::uint64_t of(std::uint64_t offset, std::string_view bytes) const noexcept;

 private:
  std::uint64_t seed_;
};

// The hash of a key for filter and tags: XXH3, 64 bits, no seed. Part of the format.
[[nodiscard]] std::uint64_t hash_key(std::string_view key) noexcept;

template <std::unsigned_integral T>
[[nodiscard]] T load(const char* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <std::unsigned_integral T>
void append(std::string& to, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  to.append(bytes, sizeof value);
}

// How many bytes a and b begin with in common.
[[nodiscard]] std::size_t common_prefix(std::string_view a, std::string_view b) noexcept;

// "read NAME at OFFSET: WHAT", with the code given.
[[nodiscard]] Status read_error(StatusCode code, std::string_view name, std::uint64_t offset,
                                std::string_view what);

}  // namespace tidelock::table
