#include "lsm/jobs.h"

#include <algorithm>

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
constexpr std::chrono::seconds kJobDeadline{10};

// A spare is wanted once the active memtable is half full.
bool spare_is_due(const state::Layout& shared) {
  const state::MemtableHalf half = shared.memtables.load().value;
  if (half.count == 0 || half.count > state::kMemtablesMax) return false;
  const state::MemtableEntry& active = half.active();
  if (find_spare(shared, active.log_number)) return false;
  const std::uint64_t oldest_log = shared.tables.load().value.oldest_log;
  return active.log_number > oldest_log ||
         shared.end.number() - active.base_lsn > active.log_size / 2;
}

bool sync_has_failed(const state::Layout& shared) {
  return shared.sync_failure.log_number.load(std::memory_order_acquire) != 0;
}

}  // namespace

bool Jobs::due() const {
  const state::Layout& shared = **context_.state;
  const bool leveled = context_.created.compaction_style == CompactionStyle::kLeveled;
  return flush_is_due(shared) || sync_has_failed(shared) ||
         (leveled && shared.tables.load().value.level0_tables >= kLevel0Trigger);
}

Result<JobResult> Jobs::run_one() {
  const os::Deadline deadline = os::Deadline::after(kJobDeadline);
  const state::Layout& shared = **context_.state;
  if (sync_has_failed(shared)) {
    if (Status status = abandon_failed_log(); !status.ok()) return status;
  }
  if (spare_is_due(shared)) {
    if (Status status = prepare_spare(context_, ordinary_sizes(context_.created), deadline);
        !status.ok()) {
      return status;
    }
  }
  bool taken = false;
  if (flush_is_due(shared)) {
    Result<JobResult> flushed = flush_oldest(context_, catalog_, deadline);
    if (!flushed || *flushed == JobResult::kDone) return flushed;
    taken = *flushed == JobResult::kTaken;
  }
  Result<JobResult> compacted = compact_most_urgent(context_, catalog_, kLevel0Trigger, deadline);
  if (compacted && *compacted == JobResult::kNothing && taken) return JobResult::kTaken;
  return compacted;
}

Result<JobResult> Jobs::sweep_left_overs() {
  return sweep(context_, catalog_, os::Deadline::after(kJobDeadline));
}

// C6: a log whose sync failed is sealed, so that its memtable can go to tables.
Status Jobs::abandon_failed_log() {
  const state::Layout& shared = **context_.state;
  const std::uint64_t failed = shared.sync_failure.log_number.load(std::memory_order_acquire);
  if (failed == 0 || shared.memtables.load().value.active().log_number != failed) return {};
  return seal_active();
}

Result<JobResult> Jobs::settle() {
  const state::Layout& shared = **context_.state;
  const state::MemtableEntry active = shared.memtables.load().value.active();
  if (shared.end.number() - active.base_lsn > active.log_size / 4) {
    if (Status status = seal_active(); !status.ok()) return status;
    return JobResult::kDone;
  }
  return compact_most_urgent(context_, catalog_, kLevel0Idle, os::Deadline::after(kJobDeadline));
}

Status Jobs::seal_active() {
  const os::Deadline deadline = os::Deadline::after(kJobDeadline);
  if (Status status = prepare_spare(context_, ordinary_sizes(context_.created), deadline);
      !status.ok()) {
    return status;
  }
  Result<lock::Guard> guard = context_.queue->acquire(Wait::Policy::kQueue, {}, deadline);
  if (!guard) return guard.error();
  return writer_.seal(*guard).status();
}

void BackgroundThread::wake() {
  if (woken_.exchange(true, std::memory_order_acq_rel)) return;
  const std::lock_guard guard(mutex_);
  if (stopping_) return;
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  changed_.notify_one();
}

void BackgroundThread::sync_within_period() {
  if (sync_due_.load(std::memory_order_relaxed) != 0) return;
  const auto due = os::monotonic_now() + context_.options.sync_period;
  sync_due_.store(due.count(), std::memory_order_relaxed);
  wake();
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
    const Result<JobResult> result = jobs_.run_one();
    if (!result) context_.events->note("background: " + result.error().to_string());
    sync_if_time();
    // V4: an idle process would otherwise keep removed tables on disk.
    if (Status status = views_.refresh(); !status.ok()) {
      context_.events->note("background: " + status.to_string());
    }
    sweep_now_and_then();
    const bool idle = result && *result == JobResult::kNothing && nobody_writes();
    const Result<JobResult> settled = idle ? jobs_.settle() : JobResult::kNothing;
    if (!settled) context_.events->note("background: " + settled.error().to_string());
    lock.lock();
    if (result && *result == JobResult::kDone) continue;
    if (settled && *settled == JobResult::kDone) continue;
    auto pause = std::chrono::nanoseconds(kGlanceEvery);
    const std::int64_t due = sync_due_.load(std::memory_order_relaxed);
    if (due != 0) {
      const std::chrono::nanoseconds left(due - os::monotonic_now().count());
      pause = std::clamp(left, std::chrono::nanoseconds(0), pause);
    }
    changed_.wait_for(lock, pause,
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

void BackgroundThread::sync_if_time() {
  const std::int64_t due = sync_due_.load(std::memory_order_relaxed);
  if (due == 0 || os::monotonic_now().count() < due) return;
  // Cleared first: a write that comes during the sync is not covered by it.
  sync_due_.store(0, std::memory_order_relaxed);
  Status status = commits_.sync_all(os::Deadline::after(kJobDeadline));
  if (!status.ok()) context_.events->note("background: " + status.to_string());
}

void BackgroundThread::sweep_now_and_then() {
  if (os::monotonic_now() < next_sweep_) return;
  next_sweep_ = os::monotonic_now() + kSweepEvery;
  const Result<JobResult> swept = jobs_.sweep_left_overs();
  if (!swept) context_.events->note("background: " + swept.error().to_string());
}

}  // namespace tidelock::lsm
