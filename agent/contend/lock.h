#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "agent/contend/settings.h"
#include "tidelock/status.h"

namespace tidelock::agent::contend {

// Where the processes of one policy meet.
struct LockSite {
  std::string directory;  // of files that belong to the lock
  pthread_mutex_t* mutex = nullptr;
  // Not 0 once the phase is over: whoever polls for the lock gives up.
  const std::atomic<std::uint64_t>* stop_ns = nullptr;
  Backoff backoff{};
  std::uint64_t seed = 0;  // of this process

  [[nodiscard]] bool stopped() const noexcept {
    return stop_ns->load(std::memory_order_relaxed) != 0;
  }
};

// One process's way to a lock that many share. One thread.
class Lock {
 public:
  virtual ~Lock() = default;
  // Until the lock is held; adds the attempts it took to `tries`. kTimedOut: given up, because the
  // phase is over.
  [[nodiscard]] virtual Status acquire(std::uint64_t& tries) = 0;
  // Precondition: held.
  virtual void release() = 0;
};

// Called by each process for itself, after the fork. What it makes must not outlive the site.
using LockFactory = std::function<Result<std::unique_ptr<Lock>>(const LockSite&)>;

[[nodiscard]] LockFactory factory_of(Policy policy);

}  // namespace tidelock::agent::contend
