#include "lsm/jobs.h"

#include <algorithm>
#include <string>
#include <system_error>

#include "lsm/compaction_picker.h"
#include "lsm/new_memtable.h"
#include "lsm/spare.h"
#include "lsm/sweep.h"
#include "os/clock.h"

namespace tidelock::lsm {

namespace {

// How often a background thread looks for work that others left, and adopts newer tables (V4).
constexpr std::chrono::milliseconds kGlanceEvery{200};
constexpr std::chrono::seconds kSweepEvery{60};
constexpr std::chrono::milliseconds kIdleAfter{500};  // without a commit
// How long the thread waits for another process, each time. A stopped one delays `close` so much.
constexpr std::chrono::milliseconds kPatience{1'000};

Patience unhurried() {
  return Patience::each(kPatience, kPatience);
}

// A spare is wanted once the active memtable is half full.
bool spare_is_due(const state::Layout& shared) {
  const state::MemtableHalf half = shared.memtables.load().value;
  if (half.count == 0 || half.count > state::kMemtablesMax) return false;
  const state::MemtableEntry& active = half.active();
  if (find_spare(shared, active.log_number)) return false;
  const std::uint64_t oldest_log = shared.tables.load().value.oldest_log;
  return active.log_number > oldest_log ||
         shared.spare_wanted.load(std::memory_order_relaxed) == active.log_number ||
         shared.end.number() - active.base_lsn > active.log_size / 2;
}

}  // namespace

bool sync_has_failed(const state::Layout& shared) {
  const std::uint64_t failed = shared.sync_failure.log_number.load(std::memory_order_acquire);
  return failed != 0 && failed >= shared.tables.load().value.oldest_log;
}

bool Jobs::due() const {
  const state::Layout& shared = **context_.state;
  const bool leveled = context_.created.compaction_style == CompactionStyle::kLeveled;
  return flush_is_due(shared) || sync_has_failed(shared) ||
         (leveled && shared.tables.load().value.level0_tables >= kLevel0Trigger);
}

Result<JobResult> Jobs::run_one(const Patience& patience) {
  const state::Layout& shared = **context_.state;
  // A full disk has no room for a spare; a flush and a compaction may make some.
  Status hindered;
  if (sync_has_failed(shared)) hindered = abandon_failed_log(patience);
  if (hindered.ok() && spare_is_due(shared)) {
    hindered = prepare_spare(context_, ordinary_sizes(context_.created), patience.to_begin());
  }
  bool taken = false;
  if (flush_is_due(shared)) {
    Result<JobResult> flushed = flush_oldest(context_, catalog_, patience);
    if (!flushed || *flushed == JobResult::kDone) return flushed;
    taken = *flushed == JobResult::kTaken;
  }
  Result<JobResult> compacted = compact_most_urgent(context_, catalog_, kLevel0Trigger, patience);
  if (!compacted || *compacted == JobResult::kDone) return compacted;
  if (!hindered.ok()) return hindered;
  return taken ? JobResult::kTaken : compacted;
}

Result<JobResult> Jobs::sweep_left_overs() {
  return sweep(context_, catalog_, os::Deadline::after(kPatience));
}

void Jobs::drop_flushed() {
  writer_.drop_flushed_logs();
  if (!writer_.holds_flushed()) return;
  const Result<lock::Guard> guard =
      context_.queue->acquire(Wait::Policy::kFailFast, {}, os::Deadline::after({}));
  if (guard) writer_.drop_flushed(*guard);
}

// C6: a log whose sync failed is sealed, so that its memtable can go to tables.
Status Jobs::abandon_failed_log(const Patience& patience) {
  const state::Layout& shared = **context_.state;
  const std::uint64_t failed = shared.sync_failure.log_number.load(std::memory_order_acquire);
  if (failed == 0 || shared.memtables.load().value.active().log_number != failed) return {};
  return seal_active(patience);
}

Result<JobResult> Jobs::settle() {
  const state::Layout& shared = **context_.state;
  const state::MemtableEntry active = shared.memtables.load().value.active();
  if (shared.end.number() - active.base_lsn > active.log_size / 4) {
    if (Status status = seal_active(unhurried()); !status.ok()) return status;
    return JobResult::kDone;
  }
  return compact_most_urgent(context_, catalog_, kLevel0Idle, unhurried());
}

Status Jobs::seal_active(const Patience& patience) {
  const os::Deadline deadline = patience.to_begin();
  if (Status s = prepare_spare(context_, ordinary_sizes(context_.created), deadline); !s.ok()) {
    return s;
  }
  Result<lock::Guard> guard = context_.queue->acquire(Wait::Policy::kQueue, {}, deadline);
  if (!guard) return guard.error();
  return writer_.seal(*guard).status();
}

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
  next_sweep_ = os::monotonic_now() + kSweepEvery;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_.store(false, std::memory_order_release);
    lock.unlock();
    const Result<JobResult> result = jobs_.run_one(unhurried());
    if (!result) context_.events->note("background: " + result.error().to_string());
    // Those of others, too, who may be dead.
    if (periodic_sync_is_due(**context_.state)) periodic_.want();
    // V4: an idle process would otherwise keep removed tables and logs on disk.
    if (Status status = views_.refresh(); !status.ok()) {
      context_.events->note("background: " + status.to_string());
    }
    jobs_.drop_flushed();
    sweep_now_and_then();
    const bool idle = result && *result == JobResult::kNothing && nobody_writes();
    const Result<JobResult> settled = idle ? jobs_.settle() : JobResult::kNothing;
    if (!settled) context_.events->note("background: " + settled.error().to_string());
    lock.lock();
    if (result && *result == JobResult::kDone) continue;
    if (settled && *settled == JobResult::kDone) continue;
    changed_.wait_for(lock, std::min(kGlanceEvery, context_.options.sync_period),
                      [this] { return stopping_ || woken_.load(std::memory_order_acquire); });
  }
}

bool BackgroundThread::nobody_writes() {
  const std::uint64_t end = (*context_.state)->end.number();
  const std::chrono::nanoseconds now = os::monotonic_now();
  if (end != last_end_) {
    last_end_ = end;
    last_write_ = now;
  }
  return now - last_write_ >= kIdleAfter;
}

void BackgroundThread::sweep_now_and_then() {
  if (os::monotonic_now() < next_sweep_) return;
  next_sweep_ = os::monotonic_now() + kSweepEvery;
  const Result<JobResult> swept = jobs_.sweep_left_overs();
  if (!swept) context_.events->note("background: " + swept.error().to_string());
}

}  // namespace tidelock::lsm
