#include "lsm/engine.h"

#include <algorithm>
#include <span>
#include <utility>

#include "lsm/compaction.h"
#include "lsm/compaction_picker.h"
#include "lsm/new_memtable.h"
#include "lsm/spare.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

constexpr std::chrono::milliseconds kPollEvery{1};
constexpr std::chrono::milliseconds kGlanceEvery{10};

os::Deadline deadline_of(const Wait& wait) {
  return os::Deadline::after(wait.policy == Wait::Policy::kFailFast ? std::chrono::milliseconds(0)
                                                                    : wait.deadline);
}

Status stalled(const std::string& directory, const Wait& wait) {
  const bool at_once = wait.policy == Wait::Policy::kFailFast;
  BusyInfo busy;
  busy.reason = BusyReason::kWriteStall;
  return Status(at_once ? StatusCode::kBusy : StatusCode::kTimedOut,
                "write to " + directory + ": flush and compaction lag behind", std::move(busy));
}

}  // namespace

Engine::Engine(std::unique_ptr<Context> context)
    : context_(std::move(context)),
      catalog_(*context_),
      views_(*context_, catalog_),
      logs_(*context_),
      commits_(*context_, logs_),
      writer_(*context_, logs_),
      jobs_(*context_, catalog_, writer_),
      background_(*context_, jobs_, commits_, views_) {}

Engine::~Engine() {
  background_.stop();
}

Result<std::unique_ptr<Engine>> Engine::open(const std::string& directory, const Options& options) {
  const bool read_only = options.access == Access::kReadOnly;
  Result<Attached> attached =
      read_only ? attach_read_only(directory, options) : attach(directory, options);
  if (!attached) return attached.error();
  std::unique_ptr<Engine> engine(new Engine(std::move(attached->context)));
  if (attached->first) {
    if (auto swept = engine->jobs_.sweep_left_overs(); !swept) return swept.error();
  }
  // What is damaged or missing is said now, and not at the first read.
  if (Status status = engine->views_.refresh(); !status.ok()) return status;
  return engine;
}

Result<bool> Engine::write(const WriteSet& set, const WriteOptions& options,
                           const Condition* condition) {
  const Wait& wait = options.wait ? *options.wait : context_->options.wait;
  const Durability durability = options.durability.value_or(context_->options.durability);
  const os::Deadline deadline = deadline_of(wait);
  const WriteRequest request{.operations = {std::as_bytes(std::span(set.payload)), set.count},
                             .demand = set.demand,
                             .via = context_->map_logs && durability != Durability::kDurable
                                        ? wal::Via::kMapping
                                        : wal::Via::kWrite,
                             .condition = condition};
  for (;;) {
    if (Status status = hold_back(wait, deadline); !status.ok()) return status;
    Result<lock::Guard> guard = context_->queue->acquire(wait.policy, wait.backoff, deadline);
    if (!guard) return guard.error();
    Result<Writer::Commit> commit = writer_.commit(*guard, request);
    guard->release();
    TIDELOCK_CRASH_POINT("write.released");
    if (!commit) return commit.error();
    if (commit->rolled || commit->half_full) look_for_work();
    switch (commit->outcome) {
      case Writer::Outcome::kRefused:
        return false;
      case Writer::Outcome::kCommitted:
        if (Status status = acknowledge(durability, commit->end_lsn, deadline); !status.ok()) {
          return status;
        }
        return true;
      case Writer::Outcome::kNeedsSpare:
      case Writer::Outcome::kNeedsFlush:
        if (Status status = make_room(commit->outcome, set, wait, deadline); !status.ok()) {
          return status;
        }
    }
  }
}

// Before the writer lock: level 0 slows writers down, then holds them.
Status Engine::hold_back(const Wait& wait, const os::Deadline& deadline) {
  const state::Layout& shared = **context_->state;
  if (context_->created.compaction_style == CompactionStyle::kManual) return {};
  bool slowed = false;
  for (;;) {
    const std::uint64_t tables = shared.tables.load().value.level0_tables;
    if (tables < kLevel0Slow) [[likely]]
      return {};
    look_for_work();
    if (tables < kLevel0Stop) {
      if (!slowed && wait.policy != Wait::Policy::kFailFast) os::sleep_for(kPollEvery);
      return {};
    }
    slowed = true;
    if (Status status = help_or_wait(wait, deadline); !status.ok()) return status;
  }
}

Status Engine::make_room(Writer::Outcome need, const WriteSet& set, const Wait& wait,
                         const os::Deadline& deadline) {
  if (need == Writer::Outcome::kNeedsFlush) return help_or_wait(wait, deadline);
  const MemtableSizes sizes = sizes_for(context_->created, set.payload.size(), set.demand);
  Status status = prepare_spare(*context_, sizes, deadline);
  return status.code() == StatusCode::kTimedOut ? stalled(context_->directory, wait) : status;
}

Status Engine::help_or_wait(const Wait& wait, const os::Deadline& deadline) {
  Result<JobResult> result = jobs_.run_one();
  if (!result) return result.error();
  if (*result == JobResult::kDone) return {};
  if (deadline.expired()) return stalled(context_->directory, wait);
  os::sleep_for(std::min<std::chrono::nanoseconds>(kPollEvery, deadline.left()));
  return {};
}

Status Engine::acknowledge(Durability durability, std::uint64_t end_lsn,
                           const os::Deadline& deadline) {
  switch (durability) {
    case Durability::kProcess:
      break;
    case Durability::kDurable: {
      // A fail-fast write does not wait for others' locks; the disk it must wait for all the same.
      const bool fail_fast = deadline.expired();
      const os::Deadline for_sync =
          fail_fast ? os::Deadline::after(context_->options.wait.deadline) : deadline;
      Status status = commits_.wait_until_durable(end_lsn, for_sync);
      if (!status.ok()) {
        look_for_work();  // a log whose sync failed must go to tables
        return status;
      }
      (*context_->state)->counters.synced_commits.fetch_add(1, std::memory_order_relaxed);
      break;
    }
    case Durability::kPeriodic:
      if (context_->options.background == Background::kThread) {
        background_.sync_within_period();
      } else if (sync_due_.load(std::memory_order_relaxed) == 0) {
        sync_due_.store((os::monotonic_now() + context_->options.sync_period).count(),
                        std::memory_order_relaxed);
      }
      break;
  }
  sync_if_overdue();
  return {};
}

// Without a thread: what was written at least a period ago is synced by the next call.
void Engine::sync_if_overdue() {
  const std::int64_t due = sync_due_.load(std::memory_order_relaxed);
  if (due == 0 || os::monotonic_now().count() < due) return;
  sync_due_.store(0, std::memory_order_relaxed);
  Status status = commits_.sync_all(os::Deadline::after(context_->options.wait.deadline));
  if (!status.ok()) context_->events->note("periodic sync: " + status.to_string());
}

// With a thread: wakes it. Without: does here what is due and nobody is doing.
void Engine::look_for_work() {
  if (context_->options.background == Background::kThread) {
    background_.wake();
    return;
  }
  const std::int64_t now = os::monotonic_now().count();
  std::int64_t next = next_glance_.load(std::memory_order_relaxed);
  if (now < next || !jobs_.due()) return;
  const std::int64_t later = now + std::chrono::nanoseconds(kGlanceEvery).count();
  if (!next_glance_.compare_exchange_strong(next, later, std::memory_order_relaxed)) return;
  for (;;) {
    const Result<JobResult> result = jobs_.run_one();
    if (!result) context_->events->note("maintenance: " + result.error().to_string());
    if (!result || *result != JobResult::kDone) return;
  }
}

Status Engine::sync() {
  Status status = commits_.sync_all(deadline_of(context_->options.wait));
  if (!status.ok()) look_for_work();
  return status;
}

Status Engine::seal_active(const os::Deadline& deadline) {
  for (;;) {
    if (Status status = prepare_spare(*context_, ordinary_sizes(context_->created), deadline);
        !status.ok()) {
      return status;
    }
    Result<lock::Guard> guard = context_->queue->acquire(context_->options.wait.policy,
                                                         context_->options.wait.backoff, deadline);
    if (!guard) return guard.error();
    Result<Writer::Outcome> sealed = writer_.seal(*guard);
    guard->release();
    if (!sealed) return sealed.error();
    if (*sealed == Writer::Outcome::kCommitted) return {};
    if (*sealed == Writer::Outcome::kNeedsFlush) {
      if (Status s = help_or_wait(context_->options.wait, deadline); !s.ok()) return s;
    }
  }
}

Status Engine::flush() {
  const os::Deadline deadline = os::Deadline::after(context_->options.wait.deadline);
  const state::Layout& shared = **context_->state;
  const state::MemtableEntry active = shared.memtables.load().value.active();
  if (Status status = seal_active(deadline); !status.ok()) return status;
  // An empty active memtable was not sealed, and need not be flushed.
  const bool was_empty = shared.memtables.load().value.active().log_number == active.log_number;
  const std::uint64_t target = was_empty ? active.log_number : active.log_number + 1;
  while (shared.tables.load().value.oldest_log < target) {
    Result<JobResult> flushed = flush_oldest(*context_, catalog_, deadline);
    if (!flushed) return flushed.error();
    if (*flushed == JobResult::kDone) continue;
    if (deadline.expired()) return stalled(context_->directory, context_->options.wait);
    os::sleep_for(kPollEvery);
  }
  return {};
}

Status Engine::compact(const KeyRange& range) {
  if (Status status = flush(); !status.ok()) return status;
  const os::Deadline deadline = os::Deadline::never();
  for (std::uint32_t level = 0; level + 1 < manifest::kLevels; ++level) {
    for (;;) {
      Result<JobResult> result = compact_range(*context_, catalog_, level, range, deadline);
      if (!result) return result.error();
      if (*result != JobResult::kTaken) break;
      os::sleep_for(kPollEvery);
    }
  }
  return views_.refresh();
}

Result<LockInfo> Engine::lock_info() const {
  if (context_->read_only()) {
    return Status(StatusCode::kReadOnly, "lock info of " + context_->directory +
                                             ": a read-only handle has no place in the queue");
  }
  return context_->queue->info();
}

Status Engine::close() {
  background_.stop();
  if (context_->read_only()) return {};
  const bool unsynced = sync_due_.load(std::memory_order_relaxed) != 0 ||
                        context_->options.durability == Durability::kPeriodic;
  Status status;
  if (unsynced) status = commits_.sync_all(os::Deadline::after(context_->options.wait.deadline));
  Result<bool> last = become_last(*context_);
  if (!last) return last.error();
  if (*last) {
    Status tidied = tidy_up();
    if (status.ok()) status = std::move(tidied);
  }
  return status;
}

// O6, by the last one out: he holds `open` exclusively, so nobody comes in meanwhile.
Status Engine::tidy_up() {
  state::Layout& shared = **context_->state;
  const os::Deadline deadline = os::Deadline::after(context_->options.wait.deadline);
  const std::uint64_t spare = shared.spare.number.exchange(0);
  const state::MemtableEntry active = shared.memtables.load().value.active();
  if (spare > active.log_number) remove_spare_files(*context_, spare);
  // A log of some length would be replayed after a reboot, and its arena kept; a table is smaller.
  const bool long_log = shared.end.number() - active.base_lsn > active.log_size / 4;
  if (long_log || flush_is_due(shared)) {
    if (Status status = flush(); !status.ok()) return status;
    const std::uint64_t left = shared.spare.number.exchange(0);
    if (left != 0) remove_spare_files(*context_, left);
  }
  TIDELOCK_CRASH_POINT("close.flushed");
  if (Status status = commits_.sync_all(deadline); !status.ok()) return status;
  return seal_log();
}

Status Engine::seal_log() {
  const os::Deadline deadline = os::Deadline::after(context_->options.wait.deadline);
  Result<lock::Guard> guard = context_->queue->acquire(Wait::Policy::kQueue, {}, deadline);
  if (!guard) return guard.error();
  if (Status status = writer_.recover(*guard); !status.ok()) return status;
  const wal::Position end = writer_.end(*guard);
  const std::uint64_t log = (*context_->state)->memtables.load().value.active().log_number;
  const manifest::Seal seal{.log = log, .end = end.lsn, .chain = end.chain};
  Result<manifest::Version> version = catalog_.version_of((*context_->state)->tables.load().value);
  if (!version) return version.error();
  writer_.trim(*guard);
  if (version->seal() && *version->seal() == seal) return {};
  if (Status status = commits_.sync_all(deadline); !status.ok()) return status;
  // D may have reached the end without this log: through tables, or by a rebuild. The seal makes
  // its header needed.
  if (Status status = writer_.sync_log(*guard); !status.ok()) return status;
  manifest::VersionEdit edit;
  edit.seal = seal;
  edit.last_sequence = std::max(version->last_sequence(), end.last_sequence);
  TIDELOCK_CRASH_POINT("close.sealing");
  return catalog_
      .install([&edit](const manifest::Version&) -> Result<manifest::VersionEdit> { return edit; },
               deadline)
      .status();
}

}  // namespace tidelock::lsm
