#pragma once

#include <cstdint>

namespace tidelock::agent {

// The hash by which YCSB spreads records: FNV of the number's eight bytes, as a positive number.
[[nodiscard]] constexpr std::uint64_t ycsb_hash(std::uint64_t number) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (int i = 0; i < 8; ++i, number >>= 8) hash = (hash ^ (number & 0xff)) * 0x100000001b3;
  const auto positive = static_cast<std::int64_t>(hash);
  return positive < 0 ? ~hash + 1 : hash;
}

}  // namespace tidelock::agent
