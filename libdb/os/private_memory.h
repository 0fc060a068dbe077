#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "tidelock/status.h"

namespace tidelock::os {

// Zeroed memory of this process alone, taken from the kernel as it is touched.
class PrivateMemory {
 public:
  [[nodiscard]] static Result<PrivateMemory> make(std::size_t size);
  PrivateMemory(PrivateMemory&& other) noexcept
      : bytes_(std::exchange(other.bytes_, std::span<std::byte>())) {}
  PrivateMemory& operator=(PrivateMemory&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~PrivateMemory();
  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }

 private:
  explicit PrivateMemory(std::span<std::byte> bytes) : bytes_(bytes) {}
  std::span<std::byte> bytes_;
};

}  // namespace tidelock::os
