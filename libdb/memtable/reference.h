#pragma once

#include <cstdint>

namespace tidelock::memtable {

// Where something lies in an arena: never a pointer, because each process maps the arena elsewhere.
// Everything is aligned to 8 bytes, so a byte offset below 16 GiB fits 32 bits with one to spare,
// which tells an entry from a tree node without touching either. 0 refers to nothing (the arena's
// first page is its header).
//
//   bits 31..1  byte offset / 8
//   bit  0      1 = an Entry, 0 = a Node
using Ref = std::uint32_t;

inline constexpr std::uint64_t kAlignment = 8;
inline constexpr Ref kNoRef = 0;
// Lies beyond the end of every arena: stands for what can only be damage.
inline constexpr Ref kBadRef = 0xFFFF'FFFE;

constexpr bool is_entry(Ref ref) noexcept {
  return (ref & 1) != 0;
}
constexpr std::uint64_t offset_of(Ref ref) noexcept {
  return std::uint64_t{ref & ~1U} << 2;
}
// Precondition: `offset` is a multiple of 8 below offset_of(kBadRef).
constexpr Ref node_ref(std::uint64_t offset) noexcept {
  return static_cast<Ref>(offset >> 2);
}
constexpr Ref entry_ref(std::uint64_t offset) noexcept {
  return node_ref(offset) | 1;
}

}  // namespace tidelock::memtable
