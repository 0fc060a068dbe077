#include "lsm/background_thread.h"

#include <exception>
#include <new>
#include <string>

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
  } catch (const std::exception& error) {  // of the system's, or for want of memory
    woken_.store(false, std::memory_order_release);
    context_.events->note(std::string("background: no thread: ") + error.what());
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

// How long to pause after it. What there was no memory for is tried again, as all that fails.
std::chrono::nanoseconds BackgroundThread::round() {
  try {
    return housekeeper_.round().next;
  } catch (const std::bad_alloc&) {
    return kGlanceEvery;
  }
}

void BackgroundThread::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_.store(false, std::memory_order_release);
    lock.unlock();
    const std::chrono::nanoseconds pause = round();
    lock.lock();
    if (pause.count() == 0) continue;
    changed_.wait_for(lock, kPauseMin, [this] { return stopping_; });
    changed_.wait_for(lock, pause,
                      [this] { return stopping_ || woken_.load(std::memory_order_acquire); });
  }
}

}  // namespace tidelock::lsm
