#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "lsm/context.h"
#include "lsm/group_commit.h"
#include "os/clock.h"

namespace tidelock::lsm {

// Whether there are periodic writes, of whomever, that are not known to be on disk.
[[nodiscard]] bool periodic_sync_is_due(const state::Layout& shared);

// Syncs periodic writes within the period: in a thread of its own, started by the first of them, so
// that no flush or compaction delays it; or, for a handle without threads, in the next call after
// the period. Thread-safe.
class PeriodicSync {
 public:
  PeriodicSync(Context& context, GroupCommit& commits) : context_(context), commits_(commits) {}
  ~PeriodicSync() { stop(); }
  PeriodicSync(const PeriodicSync&) = delete;
  PeriodicSync& operator=(const PeriodicSync&) = delete;

  // There are periodic writes, and their LSN is in the shared state. Cheap when that is known.
  void want();
  // Without a thread: syncs what was written at least a period ago. Cheap when there is nothing.
  void sync_if_overdue() {
    if (due_.load(std::memory_order_relaxed) != 0) [[unlikely]]
      sync_overdue();
  }
  // Joins the thread. Then it is never started again.
  void stop();

 private:
  void start();
  void run();
  void sync_overdue();
  [[nodiscard]] bool sync();

  Context& context_;
  GroupCommit& commits_;
  std::atomic<bool> wanted_{false};   // the thread knows that there is something
  std::atomic<std::int64_t> due_{0};  // without a thread: when, in monotonic nanoseconds; 0: not
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;     // under mutex_
  bool stopping_ = false;  // under mutex_
};

}  // namespace tidelock::lsm
