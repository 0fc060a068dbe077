#include "lsm/housekeeper.h"

#include <algorithm>
#include <utility>

#include "lsm/place.h"
#include "os/clock.h"

namespace tidelock::lsm {

namespace {

// How often at least to look for what others left to do, and adopt newer tables (V4).
constexpr std::chrono::milliseconds kGlanceEvery{200};
constexpr std::chrono::seconds kSweepEvery{60};
constexpr std::chrono::milliseconds kIdleAfter{500};  // without a commit

bool done(const Result<JobResult>& job) {
  return job && *job == JobResult::kDone;
}

}  // namespace

Housekeeper::Housekeeper(Context& context, Jobs& jobs, PeriodicSync& periodic, ViewSource& views,
                         std::chrono::milliseconds glance)
    : context_(context),
      jobs_(jobs),
      periodic_(periodic),
      views_(views),
      glance_(glance),
      next_sweep_(os::monotonic_now() + kSweepEvery) {}

void Housekeeper::note(Upkeep& told, const Status& found) {
  if (found.ok()) return;
  Status status = as_attached(context_, found);
  context_.events->note("background: " + status.to_string());
  if (told.hindered.ok()) told.hindered = std::move(status);
}

Upkeep Housekeeper::round(const UpkeepOptions& options) {
  Upkeep told;
  const JobCounts before = jobs_.counts();
  const Result<JobResult> result = jobs_.run_one(Patience::each(kJobPatience, kJobPatience));
  note(told, result.status());
  // Those of others, too, who may be dead.
  if (periodic_sync_is_due(**context_.state)) periodic_.want();
  // V4: an idle process would otherwise keep removed tables and logs on disk.
  note(told, views_.refresh());
  jobs_.drop_flushed();
  sweep_if_time(told, options.thorough);
  const bool idle = nobody_writes();
  const bool settle = result && *result == JobResult::kNothing && (idle || options.thorough);
  const Result<JobResult> settled = settle ? jobs_.settle() : JobResult::kNothing;
  note(told, settled.status());
  const JobCounts after = jobs_.counts();
  told.flushes = after.flushes - before.flushes;
  told.compactions = after.compactions - before.compactions;
  if (!done(result) && !done(settled)) {
    told.next = std::min(idle ? kGlanceEvery : glance_, context_.options.sync_period);
  }
  return told;
}

bool Housekeeper::nobody_writes() {
  const std::uint64_t end = (*context_.state)->end.number();
  const std::chrono::nanoseconds now = os::monotonic_now();
  if (end != last_end_) {
    last_end_ = end;
    last_write_ = now;
  }
  return now - last_write_ >= kIdleAfter;
}

void Housekeeper::sweep_if_time(Upkeep& told, bool at_once) {
  if (os::monotonic_now() < next_sweep_ && !at_once) return;
  next_sweep_ = os::monotonic_now() + kSweepEvery;
  const Result<JobResult> swept = jobs_.sweep_left_overs();
  told.swept = done(swept);
  note(told, swept.status());
}

}  // namespace tidelock::lsm
