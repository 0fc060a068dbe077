#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace tidelock::os {

// A mutex between the threads of this process that can be waited for a limited time; for
// std::unique_lock. std::timed_mutex waits with pthread_mutex_clocklock, which the ThreadSanitizer
// of Debian 12 does not know.
class TimedMutex {
 public:
  [[nodiscard]] bool try_lock_for(std::chrono::nanoseconds wait) {
    std::unique_lock guard(mutex_);
    if (!unlocked_.wait_for(guard, wait, [this] { return !locked_; })) return false;
    locked_ = true;
    return true;
  }

  void unlock() {
    {
      const std::lock_guard guard(mutex_);
      locked_ = false;
    }
    unlocked_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable unlocked_;
  bool locked_ = false;
};

}  // namespace tidelock::os
