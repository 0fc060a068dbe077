#pragma once

#include <cstddef>

// Linked in, it takes the place of operator new: all memory of the program comes through it.
namespace tidelock::test {

// Bytes of the largest block of memory that this thread asked for since the last call.
[[nodiscard]] std::size_t take_largest_allocation();

}  // namespace tidelock::test
