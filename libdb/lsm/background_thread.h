#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "lsm/context.h"
#include "lsm/housekeeper.h"

namespace tidelock::lsm {

// Keeps house in a thread of this process. Not started before the first job is due.
class BackgroundThread {
 public:
  BackgroundThread(Context& context, Jobs& jobs, PeriodicSync& periodic, ViewSource& views);
  ~BackgroundThread() { stop(); }

  // Something may be due. Cheap when the thread knows already. Thread-safe.
  void wake();
  // Joins it after the job it is at. Then it is never started again.
  void stop();

 private:
  [[nodiscard]] std::chrono::nanoseconds round();
  void run();
  [[nodiscard]] bool start();

  Context& context_;
  Housekeeper housekeeper_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;     // under mutex_
  bool stopping_ = false;  // under mutex_
  std::atomic<bool> woken_{false};
};

}  // namespace tidelock::lsm
