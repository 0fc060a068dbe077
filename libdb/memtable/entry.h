#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "memtable/reference.h"

namespace tidelock::memtable {

// What an operation did to its key. The log stores the same bytes: never renumber.
enum class OperationKind : std::uint8_t { kPut = 1, kErase = 2 };

// One operation of a batch, as it is applied. Views are copied into the arena.
struct Operation {
  std::uint64_t sequence = 0;
  OperationKind kind = OperationKind::kPut;
  std::string_view key;
  std::string_view value;  // empty for kErase
};

inline constexpr std::size_t kKeyBytesMax = 65'535;
inline constexpr std::size_t kValueBytesMax = std::size_t{1} << 30;

// One version of one key: the leaf of the tree. Written once, before it can be reached, and never
// changed. The key follows the struct, the value follows the key, zeroes fill up to 8 bytes.
struct Entry {
  std::uint32_t checksum;  // low half of the XXH3 of all that follows `older`
  Ref older;               // the version this one replaced, always at a lower offset; or kNoRef
  std::uint64_t sequence;
  std::uint32_t value_size;
  std::uint16_t key_size;
  OperationKind kind;
  std::uint8_t reserved;  // 0

  [[nodiscard]] std::string_view key() const noexcept {
    return {reinterpret_cast<const char*>(this + 1), key_size};
  }
  [[nodiscard]] std::string_view value() const noexcept {
    return {reinterpret_cast<const char*>(this + 1) + key_size, value_size};
  }
  // Bytes with header, before rounding. Cannot overflow.
  [[nodiscard]] std::uint64_t size() const noexcept {
    return sizeof(Entry) + std::uint64_t{key_size} + value_size;
  }
  [[nodiscard]] bool has_known_kind() const noexcept {
    return kind == OperationKind::kPut || kind == OperationKind::kErase;
  }
};
static_assert(sizeof(Entry) == 24 && alignof(Entry) == kAlignment);

// What an entry takes in the arena.
constexpr std::uint64_t entry_bytes(std::uint64_t key_size, std::uint64_t value_size) noexcept {
  return (sizeof(Entry) + key_size + value_size + kAlignment - 1) & ~(kAlignment - 1);
}

// Precondition: the whole entry lies in memory that may be read.
[[nodiscard]] std::uint32_t checksum_of(const Entry& entry) noexcept;

// Fills `memory`, which has entry_bytes() of the operation's sizes, checksum included.
Entry& write_entry(std::byte* memory, const Operation& operation, Ref older) noexcept;

}  // namespace tidelock::memtable
