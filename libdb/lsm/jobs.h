#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "lsm/catalog.h"
#include "lsm/compaction.h"
#include "lsm/context.h"
#include "lsm/flush.h"
#include "lsm/patience.h"
#include "lsm/writer.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// How long housekeeping waits for another process, each time. A stopped one delays `close` so much.
inline constexpr std::chrono::milliseconds kJobPatience{1'000};

struct JobCounts {
  std::uint64_t flushes = 0;
  std::uint64_t compactions = 0;
};

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
  // Done by `run_one` and `settle`.
  [[nodiscard]] JobCounts counts() const { return {flushes_, compactions_}; }

 private:
  [[nodiscard]] Result<JobResult> compact(std::size_t level0_trigger, const Patience& patience);
  [[nodiscard]] Status abandon_failed_log(const Patience& patience);
  [[nodiscard]] Status seal_active(const Patience& patience);

  Context& context_;
  Catalog& catalog_;
  Writer& writer_;
  std::atomic<std::uint64_t> flushes_{0};
  std::atomic<std::uint64_t> compactions_{0};
};

// Whether the sync of the live log has failed, and its memtable is not in tables yet.
[[nodiscard]] bool sync_has_failed(const state::Layout& shared);

}  // namespace tidelock::lsm
