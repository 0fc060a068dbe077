#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "memtable/reference.h"

namespace tidelock::memtable {

// What an arena holds.
struct Counters {
  std::uint64_t keys = 0;        // different keys
  std::uint64_t entries = 0;     // versions of all keys
  std::uint64_t tombstones = 0;  // of these, kErase
  std::uint64_t user_bytes = 0;  // of keys and values in all entries
  std::uint64_t node_bytes = 0;  // of all nodes made, replaced ones included
};

// The same in the arena, exact although the writer may be killed between any two instructions: so a
// key that is gone shows. Written by the writer alone, in these steps:
//  1. `announce`: the idle cell gets the values as they will be, then `state` names the entry.
//  2. The entry is published.
//  3. `settle`: one store makes the idle cell the current one and names no entry.
// A writer that finds an entry named takes over from a dead one: it looks whether the entry can be
// reached and settles accordingly.
struct SharedCounters {
  // Bits 63..32: operations settled, their parity is the number of the current cell.
  // Bits 31..0: the entry announced, or kNoRef.
  std::atomic<std::uint64_t> state;
  std::array<std::array<std::atomic<std::uint64_t>, 5>, 2> cells;  // in the order of Counters
};
static_assert(sizeof(SharedCounters) == 88 && sizeof(Counters) == 40);

// The counters without the entry announced, and that entry.
struct CountersView {
  Counters counters;
  Ref announced = kNoRef;
};

// For any reader.
[[nodiscard]] CountersView load(const SharedCounters& shared) noexcept;

// For the writer, and `clear` for who formats the arena.
void clear(SharedCounters& shared) noexcept;
[[nodiscard]] Ref announced_entry(const SharedCounters& shared) noexcept;
[[nodiscard]] Counters current(const SharedCounters& shared) noexcept;
void announce(SharedCounters& shared, const Counters& after, Ref entry) noexcept;
enum class Outcome : std::uint8_t { kPublished, kNotPublished };
void settle(SharedCounters& shared, Outcome outcome) noexcept;

}  // namespace tidelock::memtable
