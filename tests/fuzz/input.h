#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "fuzz/targets.h"

namespace tidelock::fuzz {

// Bytes read as choices, from the left. Behind the end all are 0.
class Input {
 public:
  explicit Input(Bytes bytes) : rest_(bytes) {}

  std::uint8_t byte() {
    const Bytes taken = take(1);
    return taken.empty() ? 0 : static_cast<std::uint8_t>(taken.front());
  }
  std::uint16_t word() { return static_cast<std::uint16_t>(byte() | byte() << 8); }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 8) value |= std::uint64_t{byte()} << shift;
    return value;
  }
  Bytes take(std::size_t size) {
    const Bytes taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  Bytes rest_;
};

}  // namespace tidelock::fuzz
