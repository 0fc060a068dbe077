#include "lsm/background_thread.h"

#include <string>
#include <system_error>

namespace tidelock::lsm {

namespace {

// Its own process wakes it when something is due.
constexpr std::chrono::milliseconds kGlanceEvery{200};
// After a round that found nothing to do. What is due then is another's job, and every write asks
// for it: without this pause each would cost a round, in every process.
constexpr std::chrono::milliseconds kPauseMin{10};

}  // namespace

BackgroundThread::BackgroundThread(Context& context, Jobs& jobs, PeriodicSync& periodic,
                                   ViewSource& views)
    : context_(context), housekeeper_(context, jobs, periodic, views, kGlanceEvery) {}

void BackgroundThread::wake() {
  if (woken_.exchange(true, std::memory_order_acq_rel)) return;
  const std::lock_guard guard(mutex_);
  if (stopping_) return;
  if (!thread_.joinable() && !start()) return;
  changed_.notify_one();
}

// Precondition: mutex_ held. Where no thread is to be had, the next call tries again.
bool BackgroundThread::start() {
  try {
    thread_ = std::thread([this] { run(); });
    return true;
  } catch (const std::system_error& error) {
    context_.events->note(std::string("background: no thread: ") + error.what());
    woken_.store(false, std::memory_order_release);
    return false;
  }
}

void BackgroundThread::stop() {
  std::thread thread;
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
    thread = std::move(thread_);
    changed_.notify_one();
  }
  if (thread.joinable()) thread.join();
}

void BackgroundThread::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_.store(false, std::memory_order_release);
    lock.unlock();
    const std::chrono::nanoseconds pause = housekeeper_.round().next;
    lock.lock();
    if (pause.count() == 0) continue;
    changed_.wait_for(lock, kPauseMin, [this] { return stopping_; });
    changed_.wait_for(lock, pause,
                      [this] { return stopping_ || woken_.load(std::memory_order_acquire); });
  }
}

}  // namespace tidelock::lsm
