#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "lsm/catalog.h"
#include "lsm/compaction.h"
#include "lsm/context.h"
#include "lsm/flush.h"
#include "lsm/periodic_sync.h"
#include "lsm/view.h"
#include "lsm/writer.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// What is done on behalf of all: spares, flushes, compactions, healing after a failed sync. Any
// attached process does it, in a thread of its own or between its writes; byte locks keep two from
// doing the same.
class Jobs {
 public:
  Jobs(Context& context, Catalog& catalog, Writer& writer)
      : context_(context), catalog_(catalog), writer_(writer) {}

  // Whether anything is due, by a glance at the shared state. No system call.
  [[nodiscard]] bool due() const;
  // Does the most urgent thing that is due and not being done.
  [[nodiscard]] Result<JobResult> run_one(const Patience& patience);
  // While nobody writes: puts a memtable of some size into a table, and merges tables of level 0
  // earlier than otherwise. Reads, and a replay after a reboot, are the faster for it.
  [[nodiscard]] Result<JobResult> settle();
  // Removes files that killed processes left, if nobody is making any.
  [[nodiscard]] Result<JobResult> sweep_left_overs();
  // Lets go of logs that are in tables, and of the memtable that this process keeps for writing if
  // it is, unless the writer lock is taken.
  void drop_flushed();

 private:
  [[nodiscard]] Status abandon_failed_log(const Patience& patience);
  [[nodiscard]] Status seal_active(const Patience& patience);

  Context& context_;
  Catalog& catalog_;
  Writer& writer_;
};

// Whether the sync of the live log has failed, and its memtable is not in tables yet.
[[nodiscard]] bool sync_has_failed(const state::Layout& shared);

// The background thread of an attachment. Not started before the first job is due.
class BackgroundThread {
 public:
  BackgroundThread(Context& context, Jobs& jobs, PeriodicSync& periodic, ViewSource& views)
      : context_(context), jobs_(jobs), periodic_(periodic), views_(views) {}
  ~BackgroundThread() { stop(); }

  // Something may be due. Cheap when the thread knows already. Thread-safe.
  void wake();
  // Joins it after the job it is at. Then it is never started again.
  void stop();

 private:
  void run();
  [[nodiscard]] bool start();
  [[nodiscard]] bool nobody_writes();
  void sweep_now_and_then();

  Context& context_;
  Jobs& jobs_;
  PeriodicSync& periodic_;
  ViewSource& views_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread thread_;     // under mutex_
  bool stopping_ = false;  // under mutex_
  std::atomic<bool> woken_{false};
  std::chrono::nanoseconds next_sweep_{0};
  std::uint64_t last_end_ = 0;  // of the log, when it was last seen to move
  std::chrono::nanoseconds last_write_{0};
};

}  // namespace tidelock::lsm
