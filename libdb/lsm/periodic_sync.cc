#include "lsm/periodic_sync.h"

#include <chrono>
#include <exception>
#include <new>
#include <string>

namespace tidelock::lsm {

namespace {

// How long a sync waits for others. The disk takes what it takes.
constexpr std::chrono::milliseconds kPatience{1'000};

}  // namespace

bool periodic_sync_is_due(const state::Layout& shared) {
  return shared.durable_lsn.load(std::memory_order_acquire) <
         shared.periodic_lsn.load(std::memory_order_acquire);
}

void PeriodicSync::want() {
  if (context_.options.background == Background::kNone) {
    std::int64_t none = 0;
    const auto due = os::monotonic_now() + context_.options.sync_period;
    due_.compare_exchange_strong(none, due.count(), std::memory_order_relaxed);
    return sync_if_overdue();
  }
  if (wanted_.exchange(true, std::memory_order_acq_rel)) return;
  const std::lock_guard guard(mutex_);
  if (stopping_) return;
  if (!thread_.joinable()) return start();
  changed_.notify_one();
}

// Precondition: mutex_ held. Where no thread is to be had, the next write tries again.
void PeriodicSync::start() {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::exception& error) {  // of the system's, or for want of memory
    wanted_.store(false, std::memory_order_release);
    context_.events->note(std::string("periodic sync: no thread: ") + error.what());
  }
}

void PeriodicSync::stop() {
  std::thread thread;
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
    thread = std::move(thread_);
    changed_.notify_one();
  }
  if (thread.joinable()) thread.join();
}

void PeriodicSync::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || wanted_.load(std::memory_order_acquire); });
    if (changed_.wait_for(lock, context_.options.sync_period, [this] { return stopping_; })) return;
    // Cleared before the shared words are read: a write that comes later sets it again.
    wanted_.store(false, std::memory_order_seq_cst);
    lock.unlock();
    if (!sync()) wanted_.store(true, std::memory_order_release);
    lock.lock();
  }
}

void PeriodicSync::sync_overdue() {
  const std::int64_t due = due_.load(std::memory_order_relaxed);
  if (due == 0 || os::monotonic_now().count() < due) return;
  due_.store(0, std::memory_order_relaxed);
  if (sync()) return;
  due_.store((os::monotonic_now() + context_.options.sync_period).count(),
             std::memory_order_relaxed);
}

// False: it failed, and is to be tried again after another period.
bool PeriodicSync::sync() {
  if (!periodic_sync_is_due(**context_.state)) return true;
  try {
    Status status = commits_.sync_all(os::Deadline::after(kPatience));
    if (!status.ok()) context_.events->note("periodic sync: " + status.to_string());
    return status.ok();
  } catch (const std::bad_alloc&) {
    return false;
  }
}

}  // namespace tidelock::lsm
