#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "os/clock.h"
#include "os/file.h"
#include "tidelock/status.h"

namespace tidelock::os {

// Exclusion by the kernel's open-file-description locks on single bytes of one file. The kernel
// drops them when the last descriptor of this open file goes, however the process dies; that is
// the only evidence of death anything in this library goes by.
//
// Threads that share a descriptor share its locks, so each byte also has an owner inside the
// process, taken first (rule Q3). A forked child's copies of the descriptor are closed right after
// the fork: otherwise it would keep its dead parent's locks.
class ByteLocks {
 public:
  enum class Mode : std::uint8_t { kShared, kExclusive };

  // Goes on with another open file of the same file, which children forked before do not have (the
  // same one where /proc cannot be used).
  explicit ByteLocks(File file);
  // Unlocks what is held, the highest byte first, and closes the file.
  ~ByteLocks();
  ByteLocks(const ByteLocks&) = delete;
  ByteLocks& operator=(const ByteLocks&) = delete;

  // True if taken. False if another open file, or another thread of this one, holds it in the way.
  // Never blocks. Errors: kIo, kLimit (the kernel's lock table), kForked.
  [[nodiscard]] Result<bool> try_lock(std::uint64_t byte, Mode mode);
  // Tries with growing, jittered pauses until the deadline; false when it passed.
  [[nodiscard]] Result<bool> lock_before(std::uint64_t byte, Mode mode, const Deadline& deadline);
  // From exclusive to shared without a gap. Precondition: held exclusively.
  [[nodiscard]] Status downgrade(std::uint64_t byte);
  // Precondition: held.
  void unlock(std::uint64_t byte) noexcept;
  // Whether any other open file holds the byte exclusively. Says nothing of this object's own
  // locks: the kernel does not see a conflict with oneself.
  [[nodiscard]] Result<bool> held_by_another(std::uint64_t byte) const;
  // The same for either mode. Works on a file that was opened for reading only.
  [[nodiscard]] Result<bool> held_in_any_mode(std::uint64_t byte) const;

  // Another descriptor of this very open file, without close-on-exec, above the standard streams
  // and not closed in a forked child: whoever has it, or a copy of it, keeps the locks that are
  // held, but not against `unlock`. The caller's to close. Errors: kLimit, kForked.
  [[nodiscard]] Result<int> inheritable_descriptor() const;

  [[nodiscard]] const File& file() const noexcept { return file_; }

 private:
  [[nodiscard]] Status set(std::uint64_t byte, int type, bool* granted);
  [[nodiscard]] Result<bool> conflicts(std::uint64_t byte, int type) const;

  File file_;
  std::uint64_t process_token_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Mode> held_;  // bytes that a thread of this process holds through file_
};

// A byte lock held for a scope.
class ByteLockGuard {
 public:
  ByteLockGuard() noexcept = default;
  // Takes over a byte that `locks` already holds.
  ByteLockGuard(ByteLocks& locks, std::uint64_t byte) noexcept : locks_(&locks), byte_(byte) {}
  ByteLockGuard(ByteLockGuard&& other) noexcept
      : locks_(std::exchange(other.locks_, nullptr)), byte_(other.byte_) {}
  ByteLockGuard& operator=(ByteLockGuard&& other) noexcept {
    if (this != &other) {
      release();
      locks_ = std::exchange(other.locks_, nullptr);
      byte_ = other.byte_;
    }
    return *this;
  }
  ~ByteLockGuard() { release(); }

  [[nodiscard]] bool held() const noexcept { return locks_ != nullptr; }
  void release() noexcept {
    if (locks_ != nullptr) std::exchange(locks_, nullptr)->unlock(byte_);
  }

 private:
  ByteLocks* locks_ = nullptr;
  std::uint64_t byte_ = 0;
};

}  // namespace tidelock::os
