#include "lsm/jobs.h"

#include "lsm/compaction_picker.h"
#include "lsm/new_memtable.h"
#include "lsm/spare.h"
#include "lsm/sweep.h"
#include "os/clock.h"

namespace tidelock::lsm {

namespace {

Patience unhurried() {
  return Patience::each(kJobPatience, kJobPatience);
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
    if (flushed && *flushed == JobResult::kDone) ++flushes_;
    if (!flushed || *flushed == JobResult::kDone) return flushed;
    taken = *flushed == JobResult::kTaken;
  }
  Result<JobResult> compacted = compact(kLevel0Trigger, patience);
  if (!compacted || *compacted == JobResult::kDone) return compacted;
  if (!hindered.ok()) return hindered;
  return taken ? JobResult::kTaken : compacted;
}

Result<JobResult> Jobs::sweep_left_overs() {
  return sweep(context_, catalog_, os::Deadline::after(kJobPatience));
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
  return compact(kLevel0Idle, unhurried());
}

Result<JobResult> Jobs::compact(std::size_t level0_trigger, const Patience& patience) {
  Result<JobResult> result = compact_most_urgent(context_, catalog_, level0_trigger, patience);
  if (result && *result == JobResult::kDone) ++compactions_;
  return result;
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

}  // namespace tidelock::lsm
