#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace tidelock::os {

// Monotonic time. Comparable between processes only for display: time namespaces shift it.
[[nodiscard]] std::chrono::nanoseconds monotonic_now() noexcept;
// The same clock as of the kernel's last tick: up to some milliseconds late, and many times cheaper
// to read. For display.
[[nodiscard]] std::chrono::nanoseconds monotonic_coarse() noexcept;

// A point in this process's own monotonic time, or never.
class Deadline {
 public:
  // milliseconds::max() means never.
  [[nodiscard]] static Deadline after(std::chrono::milliseconds wait) noexcept;
  [[nodiscard]] static Deadline never() noexcept { return Deadline(kNever); }

  [[nodiscard]] bool is_never() const noexcept { return at_ == kNever; }
  [[nodiscard]] bool expired() const noexcept;
  // Not negative; nanoseconds::max() when never.
  [[nodiscard]] std::chrono::nanoseconds left() const noexcept;
  // For waits that cannot express "never".
  [[nodiscard]] std::chrono::nanoseconds left_at_most(
      std::chrono::nanoseconds most) const noexcept {
    return std::min(left(), most);
  }

 private:
  static constexpr std::chrono::nanoseconds kNever = std::chrono::nanoseconds::max();
  explicit Deadline(std::chrono::nanoseconds at) noexcept : at_(at) {}
  std::chrono::nanoseconds at_;
};

// Sleeps for `duration`, or less if a signal arrives.
void sleep_for(std::chrono::nanoseconds duration) noexcept;

}  // namespace tidelock::os
