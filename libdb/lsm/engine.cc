#include "lsm/engine.h"

#include <algorithm>
#include <span>
#include <utility>

#include "lsm/compaction.h"
#include "lsm/compaction_picker.h"
#include "lsm/job_byte.h"
#include "lsm/place.h"
#include "lsm/spare.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

constexpr std::chrono::milliseconds kPollEvery{1};
constexpr std::chrono::milliseconds kGlanceEvery{10};
// How often one who calls `upkeep` looks for work while others write.
constexpr std::chrono::milliseconds kUpkeepEvery{20};
// How long work that is due is left to another who has promised to do it, and does not get on:
// ordinarily, and while a write is held up by it.
constexpr std::chrono::seconds kKeeperPatience{10};
constexpr std::chrono::seconds kHeldUpPatience{1};
// A job that a call does on the side waits for nobody before it begins: the call is not its own.
constexpr std::chrono::milliseconds kPatience{100};
// Steps towards a sealed memtable, others in the way included, that no sound state makes necessary.
constexpr int kStepsMax = 1'000;
// Rolls that may fail for want of a spare before a fail-fast write gives up.
constexpr int kTriesMax = 100;

}  // namespace

Status Engine::Waiting::in_vain(const Status& status) const {
  if (!fail_fast() || status.code() != StatusCode::kTimedOut) return status;
  return Status(StatusCode::kBusy, status.message(),
                status.busy() != nullptr ? *status.busy() : BusyInfo());
}

Engine::Waiting Engine::waiting_as(const std::optional<Wait>& wait, const char* operation) const {
  const Wait& chosen = wait ? *wait : context_->options.wait;
  const bool at_once = chosen.policy == Wait::Policy::kFailFast;
  return {operation, chosen,
          os::Deadline::after(at_once ? std::chrono::milliseconds(0) : chosen.deadline)};
}

Status Engine::stalled(const Waiting& waiting, std::uint64_t byte) const {
  BusyInfo busy = job_holder(*context_, byte, BusyReason::kWriteStall);
  std::string text = std::string(waiting.operation) + " " + context_->directory +
                     ": a flush or a compaction must end first";
  if (busy.holder_pid != 0) text += "; " + describe(busy) + " is at it";
  return Status(waiting.fail_fast() ? StatusCode::kBusy : StatusCode::kTimedOut, std::move(text),
                std::move(busy));
}

// Steps that should come to an end do not.
Status Engine::nonsense() const {
  return Status(StatusCode::kCorruption,
                "use " + context_->directory + "/STATE: what it says is not so");
}

Engine::Engine(std::unique_ptr<Context> context)
    : context_(std::move(context)),
      catalog_(*context_),
      views_(*context_, catalog_),
      logs_(*context_),
      commits_(*context_, logs_),
      writer_(*context_, logs_),
      jobs_(*context_, catalog_, writer_),
      periodic_(*context_, commits_),
      background_(*context_, jobs_, periodic_, views_),
      housekeeper_(*context_, jobs_, periodic_, views_, kUpkeepEvery) {}

Engine::~Engine() {
  background_.stop();
  periodic_.stop();
}

Result<std::unique_ptr<Engine>> Engine::open(const std::string& directory, const Options& options) {
  const bool read_only = options.access == Access::kReadOnly;
  Result<Attached> attached =
      read_only ? attach_read_only(directory, options) : attach(directory, options);
  if (!attached) return attached.error();
  if (options.background == Background::kUpkeep && !read_only) {
    // Nobody takes it exclusively; whoever dies, the kernel takes his promise back.
    Result<bool> kept =
        attached->context->locks->try_lock(kKeeperByte, os::ByteLocks::Mode::kShared);
    if (!kept) return kept.error();
  }
  std::unique_ptr<Engine> engine(new Engine(std::move(attached->context)));
  if (attached->first) {
    if (auto swept = engine->jobs_.sweep_left_overs(); !swept) {
      engine->context_->events->note("sweep: " + swept.error().to_string());
    }
  }
  // What is damaged or missing is said now, and not at the first read.
  Status status = engine->views_.refresh();
  if (status.code() == StatusCode::kCorruption && !read_only) status = engine->mend_memtable();
  if (!status.ok()) return read_only ? status : as_attached(*engine->context_, status);
  return engine;
}

// The arena of the active memtable may be lost while others have it mapped: whoever writes next
// fills another from the log.
Status Engine::mend_memtable() {
  const Waiting waiting = waiting_as({}, "open");
  Result<lock::Guard> guard =
      context_->queue->acquire(waiting.wait.policy, waiting.wait.backoff, waiting.deadline);
  if (!guard) return guard.error();
  Status mended = writer_.recover(*guard);
  guard->release();
  return mended.ok() ? views_.refresh() : mended;
}

Result<bool> Engine::write(const WriteSet& set, const WriteOptions& options,
                           const Condition* condition) {
  Result<bool> written = try_write(set, options, condition);
  if (!written) return as_attached(*context_, written.error());
  return written;
}

Result<bool> Engine::try_write(const WriteSet& set, const WriteOptions& options,
                               const Condition* condition) {
  const Waiting waiting = waiting_as(options.wait, "write to");
  const Durability durability = options.durability.value_or(context_->options.durability);
  const WriteRequest request{.operations = {std::as_bytes(std::span(set.payload)), set.count},
                             .demand = set.demand,
                             .via = context_->map_logs && durability != Durability::kDurable
                                        ? wal::Via::kMapping
                                        : wal::Via::kWrite,
                             .condition = condition};
  // The condition reads under the writer lock; what can be adopted before is not left for then.
  if (condition != nullptr) {
    if (Status status = views_.now(Horizon::kVisible).status(); !status.ok()) return status;
  }
  bool was_held = false;
  for (int tries = 1;; ++tries) {
    if (Status status = hold_back(waiting); !status.ok()) return status;
    Result<lock::Guard> guard =
        context_->queue->acquire(waiting.wait.policy, waiting.wait.backoff, waiting.deadline);
    if (!guard) return guard.error();
    Result<Writer::Commit> commit = writer_.commit(*guard, request);
    guard->release();
    TIDELOCK_CRASH_POINT("write.released");
    if (!commit) return commit.error();
    Status status;
    if (commit->outcome == Writer::Outcome::kCommitted) {
      status = acknowledge(durability, commit->end_lsn, waiting);
    }
    if (commit->rolled || commit->half_full || !status.ok()) look_for_work(kKeeperPatience);
    switch (commit->outcome) {
      case Writer::Outcome::kRefused:
        return false;
      case Writer::Outcome::kCommitted:
        if (!status.ok()) return status;
        return true;
      case Writer::Outcome::kNeedsSpare:
      case Writer::Outcome::kNeedsFlush:
        if (tries >= kTriesMax && waiting.over()) return stalled(waiting, kPrepareByte);
        if (commit->outcome == Writer::Outcome::kNeedsFlush && !std::exchange(was_held, true)) {
          (*context_->state)->counters.write_stalls.fetch_add(1, std::memory_order_relaxed);
        }
        status = make_room(commit->outcome, set, waiting);
        if (!status.ok()) return not_written(status, waiting);
    }
  }
}

// What failed was a flush that was to make room: the write itself has not begun.
Status Engine::not_written(const Status& status, const Waiting& waiting) {
  if (status.code() != StatusCode::kNotDurable) return waiting.in_vain(status);
  return Status(StatusCode::kIo, "write to " + context_->directory + ": " + status.message());
}

// Before the writer lock: level 0 slows writers down, then holds them.
Status Engine::hold_back(const Waiting& waiting) {
  const state::Layout& shared = **context_->state;
  if (context_->created.compaction_style == CompactionStyle::kManual) return {};
  for (bool first = true;; first = false) {
    const std::uint64_t tables = shared.tables.load().value.level0_tables;
    if (tables < kLevel0Slow) [[likely]]
      return {};
    look_for_work(tables < kLevel0Stop ? kKeeperPatience : kHeldUpPatience);
    if (first && tables >= kLevel0Stop) {
      (*context_->state)->counters.write_stalls.fetch_add(1, std::memory_order_relaxed);
    }
    if (tables < kLevel0Stop) {
      if (first && !waiting.fail_fast()) os::sleep_for(kPollEvery);
      return {};
    }
    if (waiting.over() && (!first || context_->options.background == Background::kThread)) {
      return stalled(waiting, kCompactionByte);
    }
    if (!waiting.fail_fast()) {
      os::sleep_for(std::min<std::chrono::nanoseconds>(kPollEvery, waiting.deadline.left()));
    }
  }
}

Status Engine::make_room(Writer::Outcome need, const WriteSet& set, const Waiting& waiting) {
  if (need == Writer::Outcome::kNeedsFlush) return flush_or_wait(waiting);
  return make_spare(sizes_for(context_->created, set.payload.size(), set.demand), waiting);
}

// On a full disk a flush frees the log and the arena of a sealed memtable.
Status Engine::make_spare(const MemtableSizes& sizes, const Waiting& waiting) {
  for (;;) {
    Status status = prepare_spare(*context_, sizes, waiting.deadline);
    if (status.code() == StatusCode::kTimedOut) return stalled(waiting, kPrepareByte);
    if (status.code() != StatusCode::kNoSpace || !flush_is_due(**context_->state)) return status;
    const Result<JobResult> flushed = flush_oldest(*context_, catalog_, waiting.patience());
    if (!flushed || *flushed != JobResult::kDone) return status;
  }
}

// Helps with what is needed, and with nothing else. A fail-fast call leaves it to the thread.
Status Engine::flush_or_wait(const Waiting& waiting) {
  const bool leave_it = waiting.fail_fast() && context_->options.background == Background::kThread;
  if (leave_it) look_for_work(kHeldUpPatience);
  if (!leave_it && !left_to_keeper(kHeldUpPatience)) {
    Result<JobResult> flushed = flush_oldest(*context_, catalog_, waiting.patience());
    if (!flushed) return flushed.error();
    if (*flushed != JobResult::kTaken) return {};
  }
  if (waiting.over()) return stalled(waiting, kFlushByte);
  os::sleep_for(std::min<std::chrono::nanoseconds>(kPollEvery, waiting.deadline.left()));
  return {};
}

Status Engine::acknowledge(Durability durability, std::uint64_t end_lsn, const Waiting& waiting) {
  state::Layout& shared = **context_->state;
  Status status;
  switch (durability) {
    case Durability::kProcess:
      break;
    case Durability::kDurable: {
      // A fail-fast write does not wait for others' locks; the disk it must wait for all the same.
      const os::Deadline deadline = waiting.fail_fast()
                                        ? os::Deadline::after(context_->options.wait.deadline)
                                        : waiting.deadline;
      status = commits_.wait_until_durable(end_lsn, deadline);
      if (status.ok()) shared.counters.synced_commits.fetch_add(1, std::memory_order_relaxed);
      break;
    }
    case Durability::kPeriodic:
      state::raise_to(shared.periodic_lsn, end_lsn);
      break;
  }
  // One's own, or those that a dead process left unsynced.
  if (periodic_sync_is_due(shared)) [[unlikely]]
    periodic_.want();
  return status;
}

// With a thread: wakes it. Without: does here one thing that is due and nobody is doing.
void Engine::look_for_work(std::chrono::nanoseconds keeper_patience) {
  if (context_->options.background == Background::kThread) {
    background_.wake();
    return;
  }
  const std::int64_t now = os::monotonic_now().count();
  if (now < next_glance_.load(std::memory_order_relaxed) || !jobs_.due()) return;
  if (!left_to_keeper(keeper_patience)) {
    const Result<JobResult> result =
        jobs_.run_one(Patience::each(std::chrono::milliseconds(0), kPatience));
    if (!result && result.error().code() != StatusCode::kTimedOut) {
      context_->events->note("maintenance: " + result.error().to_string());
    }
    if (result && *result == JobResult::kDone) return;
  }
  const std::int64_t later = now + std::chrono::nanoseconds(kGlanceEvery).count();
  next_glance_.store(later, std::memory_order_relaxed);
}

// Whether another process has promised to do what is due, and gets on. That it lives, the kernel
// says; that it is neither stopped nor hindered, the rounds it has made since the last look.
bool Engine::left_to_keeper(std::chrono::nanoseconds patience) {
  if (context_->options.background != Background::kNone) return false;
  const Result<bool> kept = context_->locks->held_in_any_mode(kKeeperByte);
  if (!kept || !*kept) return false;
  const std::uint64_t rounds = (*context_->state)->keeper_rounds.load(std::memory_order_relaxed);
  const std::chrono::nanoseconds now = os::monotonic_now();
  const std::lock_guard guard(keeper_mutex_);
  if (keeper_since_.count() == 0 || rounds != keeper_seen_) {
    keeper_seen_ = rounds;
    keeper_since_ = now;
  }
  return now - keeper_since_ < patience;
}

Result<bool> Engine::relieve() {
  Result<std::optional<lock::Guard>> guard = context_->queue->relieve();
  if (!guard) return guard.error();
  if (!*guard) return false;
  // What it cannot finish it leaves marked inconsistent, to the next one.
  Status status = writer_.recover(**guard);
  (*guard)->release();
  if (!status.ok()) return as_attached(*context_, status);
  return true;
}

Result<Upkeep> Engine::upkeep(const UpkeepOptions& options) {
  const Result<bool> relieved = relieve();
  if (!relieved) return relieved.error();
  if (Status status = check_place(*context_); !status.ok()) return status;
  const std::lock_guard guard(housekeeper_mutex_);
  Upkeep told = housekeeper_.round(options);
  if (options.thorough && periodic_sync_is_due(**context_->state)) {
    Status synced = commits_.sync_all(os::Deadline::after(kJobPatience));
    told.synced = synced.ok();
    if (told.hindered.ok()) told.hindered = std::move(synced);
  }
  told.recovered = *relieved;
  if (context_->options.background == Background::kUpkeep && told.hindered.ok()) {
    (*context_->state)->keeper_rounds.fetch_add(1, std::memory_order_relaxed);
  }
  return told;
}

Status Engine::refresh() {
  if (Status status = views_.refresh(); !status.ok()) return status;
  if (!context_->read_only()) jobs_.drop_flushed();
  return {};
}

Status Engine::sync(const std::optional<Wait>& wait) {
  Status status = commits_.sync_all(waiting_as(wait, "sync").deadline);
  if (!status.ok()) look_for_work(kKeeperPatience);
  return status;
}

Status Engine::seal_active(const Waiting& waiting) {
  for (int tries = 1;; ++tries) {
    if (tries > kStepsMax) return nonsense();
    if (Status s = make_spare(ordinary_sizes(context_->created), waiting); !s.ok()) return s;
    Result<lock::Guard> guard =
        context_->queue->acquire(waiting.wait.policy, waiting.wait.backoff, waiting.deadline);
    if (!guard) return guard.error();
    Result<Writer::Outcome> sealed = writer_.seal(*guard);
    guard->release();
    if (!sealed) return sealed.error();
    if (*sealed == Writer::Outcome::kCommitted) return {};
    if (*sealed == Writer::Outcome::kNeedsFlush) {
      if (Status s = flush_or_wait(waiting); !s.ok()) return s;
    }
  }
}

Status Engine::flush(const std::optional<Wait>& wait) {
  const Waiting waiting = waiting_as(wait, "flush");
  return as_attached(*context_, waiting.in_vain(flush_all(waiting)));
}

Status Engine::flush_all(const Waiting& waiting) {
  const state::Layout& shared = **context_->state;
  const state::MemtableEntry active = shared.memtables.load().value.active();
  if (Status status = seal_active(waiting); !status.ok()) return status;
  // An empty active memtable was not sealed, and need not be flushed.
  const bool was_empty = shared.memtables.load().value.active().log_number == active.log_number;
  const std::uint64_t target = was_empty ? active.log_number : active.log_number + 1;
  for (std::size_t done = 0; shared.tables.load().value.oldest_log < target;) {
    Result<JobResult> flushed = flush_oldest(*context_, catalog_, waiting.patience());
    if (!flushed) return flushed.error();
    if (*flushed == JobResult::kDone) {
      if (++done > 2 * state::kMemtablesMax) return nonsense();
      continue;
    }
    if (waiting.over()) return stalled(waiting, kFlushByte);
    os::sleep_for(kPollEvery);
  }
  return {};
}

Status Engine::compact(const KeyRange& range, const std::optional<Wait>& wait) {
  if (Status status = flush(wait); !status.ok()) return status;
  for (std::uint32_t level = 0; level + 1 < manifest::kLevels; ++level) {
    // Anew for each level: a wait that ended is no reason to give up at the next.
    const Waiting waiting = waiting_as(wait, "compact");
    Status status = compact_level(level, range, waiting);
    if (!status.ok()) return as_attached(*context_, waiting.in_vain(status));
  }
  return refresh();
}

Status Engine::compact_level(std::uint32_t level, const KeyRange& range, const Waiting& waiting) {
  for (;;) {
    Result<JobResult> result = compact_range(*context_, catalog_, level, range, waiting.patience());
    if (!result) return result.error();
    if (*result != JobResult::kTaken) return {};
    if (waiting.over()) return stalled(waiting, kCompactionByte + level);
    os::sleep_for(kPollEvery);
  }
}

Result<LockInfo> Engine::lock_info() const {
  if (context_->read_only()) {
    return Status(StatusCode::kReadOnly, "lock info of " + context_->directory +
                                             ": a read-only handle has no place in the queue");
  }
  return context_->queue->info();
}

Status Engine::close(const std::optional<Wait>& wait) {
  background_.stop();
  periodic_.stop();
  if (context_->read_only()) return {};
  Status status;
  if (periodic_sync_is_due(**context_->state)) {
    status = commits_.sync_all(waiting_as(wait, "sync").deadline);
  }
  Result<bool> last = become_last(*context_);
  if (!last) return last.error();
  if (*last) {
    Status tidied = as_attached(*context_, tidy_up(waiting_as(wait, "close")));
    if (status.ok()) status = std::move(tidied);
  }
  return status;
}

// O6, by the last one out: he holds `open` exclusively, so nobody comes in meanwhile.
Status Engine::tidy_up(const Waiting& waiting) {
  if (Status status = check_place(*context_); !status.ok()) return status;
  state::Layout& shared = **context_->state;
  const std::uint64_t spare = shared.spare.number.exchange(0);
  const state::MemtableEntry active = shared.memtables.load().value.active();
  if (spare > active.log_number) remove_spare_files(*context_, spare);
  // A log of some length would be replayed after a reboot, and its arena kept; a table is smaller.
  const bool long_log = shared.end.number() - active.base_lsn > active.log_size / 4;
  if (long_log || flush_is_due(shared) || sync_has_failed(shared)) {
    if (Status status = flush_all(waiting); !status.ok()) return status;
    const std::uint64_t left = shared.spare.number.exchange(0);
    if (left != 0) remove_spare_files(*context_, left);
  }
  TIDELOCK_CRASH_POINT("close.flushed");
  if (Status status = commits_.sync_all(waiting.deadline); !status.ok()) return status;
  return seal_log(waiting.deadline);
}

Status Engine::seal_log(const os::Deadline& deadline) {
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
