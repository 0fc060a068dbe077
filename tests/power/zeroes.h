#pragma once

#include <cstddef>
#include <cstring>
#include <span>

namespace tidelock::test {

inline bool all_zero(std::span<const std::byte> bytes) {
  return bytes.empty() || (bytes.front() == std::byte{} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace tidelock::test
