#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "lsm/attach.h"
#include "lsm/background_thread.h"
#include "lsm/catalog.h"
#include "lsm/context.h"
#include "lsm/group_commit.h"
#include "lsm/housekeeper.h"
#include "lsm/jobs.h"
#include "lsm/log_set.h"
#include "lsm/new_memtable.h"
#include "lsm/periodic_sync.h"
#include "lsm/view.h"
#include "lsm/writer.h"
#include "memtable/memtable.h"
#include "tidelock/lock_queue.h"
#include "tidelock/options.h"
#include "tidelock/status.h"
#include "tidelock/upkeep.h"

namespace tidelock::lsm {

// Encoded operations, ready to commit.
struct WriteSet {
  std::string_view payload;  // as wal/operation.h encodes them
  std::uint32_t count = 0;
  memtable::Demand demand;
};

// One attachment to a database directory: the log-structured merge tree behind `Db`. Thread-safe.
class Engine {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Engine>> open(const std::string& directory,
                                                            const Options& options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  // Detaches. Nothing is written; see close.
  ~Engine();

  // Commits all of it or nothing. With a condition, which is asked while nobody else can write:
  // false if it said no. Errors as `Db::write`.
  using Condition = std::function<Result<bool>()>;
  [[nodiscard]] Result<bool> write(const WriteSet& set, const WriteOptions& options,
                                   const Condition* condition = nullptr);

  // As read_point, for a condition of `write`: under the writer lock nothing else is done.
  [[nodiscard]] Result<ReadPoint> point_for_condition() { return views_.now(Horizon::kVisible); }
  [[nodiscard]] Result<ReadPoint> read_point(Horizon horizon) {
    periodic_.sync_if_overdue();
    return views_.now(horizon);
  }
  [[nodiscard]] Status refresh();

  // How to wait: as `wait` says, else as the options do.
  [[nodiscard]] Status sync(const std::optional<Wait>& wait);
  [[nodiscard]] Status flush(const std::optional<Wait>& wait);
  [[nodiscard]] Status compact(const KeyRange& range, const std::optional<Wait>& wait);
  // See Db. Each may be called while the other runs.
  [[nodiscard]] Result<bool> relieve();
  [[nodiscard]] Result<Upkeep> upkeep(const UpkeepOptions& options);
  // The last attachment also tidies up and seals the log. Afterwards only the destructor may be
  // called.
  [[nodiscard]] Status close(const std::optional<Wait>& wait);

  [[nodiscard]] Result<LockInfo> lock_info() const;
  [[nodiscard]] const Context& context() const { return *context_; }
  [[nodiscard]] const state::SharedState* shared() const { return views_.shared(); }

 private:
  explicit Engine(std::unique_ptr<Context> context);

  // How a call waits.
  struct Waiting {
    const char* operation;  // for messages: "write to"
    const Wait& wait;
    os::Deadline deadline;
    [[nodiscard]] bool fail_fast() const { return wait.policy == Wait::Policy::kFailFast; }
    [[nodiscard]] bool over() const { return fail_fast() || deadline.expired(); }
    [[nodiscard]] Patience patience() const { return Patience::until(deadline); }
    // kBusy where no waiting was wanted.
    [[nodiscard]] Status in_vain(const Status& status) const;
  };
  [[nodiscard]] Waiting waiting_as(const std::optional<Wait>& wait, const char* operation) const;
  [[nodiscard]] Status nonsense() const;
  [[nodiscard]] Status stalled(const Waiting& waiting, std::uint64_t byte) const;

  [[nodiscard]] Result<bool> try_write(const WriteSet& set, const WriteOptions& options,
                                       const Condition* condition);
  [[nodiscard]] Status mend_memtable();
  [[nodiscard]] Status not_written(const Status& status, const Waiting& waiting);
  [[nodiscard]] Status hold_back(const Waiting& waiting);
  [[nodiscard]] Status make_room(Writer::Outcome need, const WriteSet& set, const Waiting& waiting);
  [[nodiscard]] Status make_spare(const MemtableSizes& sizes, const Waiting& waiting);
  [[nodiscard]] Status flush_or_wait(const Waiting& waiting);
  [[nodiscard]] Status acknowledge(Durability durability, std::uint64_t end_lsn,
                                   const Waiting& waiting);
  [[nodiscard]] Status seal_active(const Waiting& waiting);
  [[nodiscard]] Status flush_all(const Waiting& waiting);
  [[nodiscard]] Status compact_level(std::uint32_t level, const KeyRange& range,
                                     const Waiting& waiting);
  [[nodiscard]] Status tidy_up(const Waiting& waiting);
  [[nodiscard]] Status seal_log(const os::Deadline& deadline);
  void look_for_work(std::chrono::nanoseconds keeper_patience);
  [[nodiscard]] bool left_to_keeper(std::chrono::nanoseconds patience);

  std::unique_ptr<Context> context_;
  Catalog catalog_;
  ViewSource views_;
  LogSet logs_;
  GroupCommit commits_;
  Writer writer_;
  Jobs jobs_;
  PeriodicSync periodic_;
  BackgroundThread background_;
  std::mutex housekeeper_mutex_;
  Housekeeper housekeeper_;                   // of calls of `upkeep`
  std::atomic<std::int64_t> next_glance_{0};  // without a thread: when to look for work again
  std::mutex keeper_mutex_;
  std::uint64_t keeper_seen_ = 0;             // its rounds at the last look
  std::chrono::nanoseconds keeper_since_{0};  // since when there are so many; 0: never looked
};

}  // namespace tidelock::lsm
