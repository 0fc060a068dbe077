#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "tidelock/lock_queue.h"

namespace tidelock::lockd {

// One process, whatever becomes of its number. Of a member's, only if it is that member's beyond
// doubt: made first, it cannot come to mean another process, and then start time and pid namespace
// are compared with what the member had written down.
class ProcessHandle {
 public:
  enum class Doubt : std::uint8_t {
    kNone,
    kGone,     // that process has ended
    kUnknown,  // another pid namespace, not recorded, not permitted, no descriptor left
  };

  // Empty if in doubt; `doubt` says which.
  [[nodiscard]] static std::optional<ProcessHandle> of(const LockMember& member, Doubt& doubt);
  ProcessHandle(ProcessHandle&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), pid_(other.pid_) {}
  ProcessHandle& operator=(ProcessHandle&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(pid_, other.pid_);
    return *this;
  }
  ~ProcessHandle();

  // A pidfd: readable when the process has ended, its locks given back.
  [[nodiscard]] int fd() const { return fd_; }
  // Stopped by a signal: state T. A debugger's stop (t) is none.
  [[nodiscard]] bool is_stopped() const;
  // Whether the kernel says that a file that it has open, `path`, has this byte locked by it. False
  // also where the kernel does not say.
  [[nodiscard]] bool holds_byte(const std::string& path, std::uint64_t byte) const;
  // Whether it was sent.
  [[nodiscard]] bool kill() const;

 private:
  ProcessHandle(int fd, std::int32_t pid) noexcept : fd_(fd), pid_(pid) {}

  int fd_;
  std::int32_t pid_;
};

}  // namespace tidelock::lockd
