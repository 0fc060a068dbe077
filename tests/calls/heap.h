#pragma once

#include <cstdint>

// What operator new gives, counted, and refused on demand. For programs that are linked with
// heap.cc.
namespace tidelock::test {

// Blocks that are not given back yet.
[[nodiscard]] std::int64_t blocks_in_use();
// How many were asked for since the process began, by all threads.
[[nodiscard]] std::uint64_t blocks_asked_for();
// The `nth` request from now on (1 = next) is refused, once; 0: none.
void refuse_block(std::uint64_t nth);
[[nodiscard]] bool has_refused();

}  // namespace tidelock::test
