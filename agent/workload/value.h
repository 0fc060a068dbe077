#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/workload/sizes.h"

namespace tidelock::agent {

// What a value says of its origin. Unique in the life of a database: `run` is drawn afresh for
// each run, a writer never uses a counter twice.
struct Stamp {
  std::uint32_t run = 0;
  std::uint16_t writer = 0;
  std::uint64_t counter = 0;  // below 2^48: the operation's number in the writer's journal
  friend bool operator==(const Stamp&, const Stamp&) = default;
};

// How values look.
struct ValueShape {
  Sizes sizes = Sizes::fixed(100);  // bytes, at least kValueSizeMin
  bool any_size = false;            // the writer says, not the stamp
  double ratio = 1;                 // what a compressor may leave of them, roughly; 1: nearly all
};
inline constexpr std::size_t kValueSizeMin = 24;
inline constexpr std::size_t kAnySizeMin = 32;  // with any_size: a word behind the stamp

// A value is 24 hexadecimal digits (run 8, writer 4, counter 12) and then bytes that follow from
// the stamp and the key, so that a foreign, torn or misplaced value is told from a good one. So
// does its size, unless that may be any: then it is `size`, or the least if that is too little.
void write_value(const Stamp& stamp, std::uint32_t key, const ValueShape& shape, std::string& value,
                 std::size_t size = 0);

// nullopt if the value does not begin as one of ours.
[[nodiscard]] std::optional<Stamp> read_stamp(std::string_view value) noexcept;
// Is this, to the last byte, what write_value made?
[[nodiscard]] bool intact(std::string_view value, const Stamp& stamp, std::uint32_t key,
                          const ValueShape& shape) noexcept;

}  // namespace tidelock::agent
