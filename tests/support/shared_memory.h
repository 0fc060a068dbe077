#pragma once

#include <sys/mman.h>

#include <chrono>
#include <cstdlib>
#include <new>

#include "os/clock.h"

namespace tidelock::test {

// A T that children forked from now on share with this process. For atomics and plain data.
template <typename T>
class SharedMemory {
 public:
  SharedMemory()
      : memory_(
            ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) std::abort();
    new (memory_) T();
  }
  ~SharedMemory() { ::munmap(memory_, sizeof(T)); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  T& operator*() const { return *static_cast<T*>(memory_); }
  T* operator->() const { return static_cast<T*>(memory_); }

 private:
  void* memory_;
};

// Waits for a fact that another thread or process brings about. False if it does not come true in
// time: far more than it needs on the slowest machine.
template <typename Fact>
[[nodiscard]] bool comes_true(const Fact& fact,
                              std::chrono::milliseconds wait = std::chrono::milliseconds(20'000)) {
  const os::Deadline deadline = os::Deadline::after(wait);
  while (!fact()) {
    if (deadline.expired()) return fact();
    os::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

}  // namespace tidelock::test
