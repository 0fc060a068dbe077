#include "agent/worker.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "agent/call_timer.h"
#include "agent/retry_delays.h"

namespace tidelock::agent {
namespace {

constexpr std::uint32_t kBatchMin = 2, kBatchMax = 8;  // operations

std::uint64_t in_ns(std::chrono::milliseconds duration) noexcept {
  if (duration == Wait::kForEver) return UINT64_MAX;
  return static_cast<std::uint64_t>(duration.count()) * 1'000'000;
}

Outcome outcome_of(const Status& status) noexcept {
  switch (status.code()) {
    case StatusCode::kOk:
    case StatusCode::kNotDurable:
      return Outcome::kAcknowledged;
    case StatusCode::kBusy:
    case StatusCode::kTimedOut:
      return Outcome::kRefused;
    default:
      return Outcome::kUnknown;
  }
}

}  // namespace

Worker::Worker(const Run& run, std::unique_ptr<Store>& store, std::unique_ptr<Session> session,
               const Assignment& assignment, std::uint64_t seed)
    : run_(run),
      session_(std::move(session)),
      assignment_(assignment),
      journal_(run.journals[assignment.writer]),
      stats_(run.state.writers()[assignment.writer]),
      deadline_ns_(in_ns(run.settings.deadline)),
      random_(seed),
      chooser_(assignment.keys, run.keys.count(), assignment.place),
      reader_(run, session_, assignment.writer),
      churn_(run, store, session_, reader_, stats_),
      names_(kBatchMax),
      values_(kBatchMax) {}

bool Worker::work() {
  while (stats_.done() < assignment_.operations &&
         !run_.state.stop().load(std::memory_order_relaxed)) {
    if (!operate()) return false;
  }
  stats_.finished_ns.set(now_ns());
  return true;
}

bool Worker::operate() {
  const auto percent = [this](std::uint32_t share) { return random_.below(100) < share; };
  if (assignment_.churn_every != 0 && random_.below(assignment_.churn_every) == 0) {
    return succeeds(churn_.stir(random_));
  }
  const std::uint32_t key = chooser_.next(random_);
  if (!percent(assignment_.read_percent)) return write(key);
  if (percent(assignment_.snapshot_percent)) return succeeds(reader_.read_several(random_));
  return succeeds(reader_.read_one(key));
}

// Neighbours of the key join it in a batch.
void Worker::choose_steps(std::uint32_t key) {
  const std::uint32_t keys = run_.keys.count();
  std::uint32_t count = 1;
  if (random_.below(100) < assignment_.batch_percent) {
    count = std::min(keys, kBatchMin + random_.below(kBatchMax - kBatchMin + 1));
  }
  steps_.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    const bool erase = random_.below(100) < assignment_.erase_percent;
    steps_.push_back(
        {.key = (key + i) % keys, .kind = erase ? OperationKind::kErase : OperationKind::kPut});
  }
}

void Worker::make_changes(std::uint64_t counter) {
  changes_.clear();
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Step& step = steps_[i];
    Change& change = changes_.emplace_back();
    change.key = run_.keys.at(step.key, names_[i]);
    if (step.kind == OperationKind::kErase) continue;
    const Stamp stamp{.run = run_.id,
                      .writer = static_cast<std::uint16_t>(assignment_.writer),
                      .counter = counter + i};
    write_value(stamp, step.key, run_.settings.value_size, values_[i]);
    change.value = values_[i];
  }
}

bool Worker::write(std::uint32_t key) {
  choose_steps(key);
  durable_ = random_.below(100) < assignment_.durable_percent;
  const std::span<LedgerEntry> ledger = run_.state.ledger();
  const std::uint64_t begin = now_ns();
  const Result<std::uint64_t> counter = journal_.begin(steps_, begin);
  if (!counter) return fail(counter.error());
  make_changes(*counter);
  for (const Step& step : steps_) {
    if (step.kind == OperationKind::kErase) ledger[step.key].erase_began();
  }

  const Attempts attempts = attempt(*counter, begin);

  const Outcome outcome = outcome_of(attempts.status);
  journal_.end(*counter, outcome, attempts.end_ns);
  for (const Step& step : steps_) {
    LedgerEntry& entry = ledger[step.key];
    if (outcome == Outcome::kAcknowledged) entry.acknowledged(attempts.begin_ns);
    if (step.kind == OperationKind::kErase && outcome != Outcome::kUnknown) {
      entry.erase_ended(outcome == Outcome::kAcknowledged ? attempts.end_ns : 0);
    }
  }
  return conclude(attempts.status, attempts.end_ns - begin);
}

Worker::Attempts Worker::attempt(std::uint64_t counter, std::uint64_t begin_ns) {
  const std::uint64_t first_begin_ns = begin_ns;
  std::optional<RetryDelays> delays;
  for (std::uint32_t attempts = 1;; ++attempts) {
    CallTimer call(stats_);
    Status status = session_->write(changes_, durable_);
    const std::uint64_t end_ns = call.finish();
    if (status.code() != StatusCode::kBusy || give_up(attempts, end_ns - first_begin_ns)) {
      return {.status = std::move(status), .begin_ns = begin_ns, .end_ns = end_ns};
    }
    stats_.retries.add(1);
    if (run_.settings.backoff) {
      if (!delays) delays.emplace(*run_.settings.backoff);
      stats_.backoffs.add(1);
      std::this_thread::sleep_for(delays->next(random_));
    } else {
      std::this_thread::yield();
    }
    begin_ns = now_ns();
    journal_.begin_again(counter, begin_ns);
  }
}

bool Worker::give_up(std::uint32_t attempts, std::uint64_t waited_ns) const noexcept {
  return attempts == run_.settings.tries || waited_ns >= deadline_ns_ ||
         run_.state.stop().load(std::memory_order_relaxed);
}

bool Worker::conclude(const Status& status, std::uint64_t latency_ns) {
  stats_.longest_wait.set(std::max(stats_.longest_wait.get(), latency_ns));
  switch (status.code()) {
    case StatusCode::kNotDurable:
      stats_.not_durable.add(1);
      [[fallthrough]];
    case StatusCode::kOk:
      stats_.writes.add(1);
      if (steps_.size() > 1) stats_.batches.add(1);
      stats_.write_latency.record(latency_ns);
      return true;
    case StatusCode::kBusy:
    case StatusCode::kTimedOut:
      // Cut short by the end of the run it would tell nothing of the store.
      if (!run_.state.stop().load(std::memory_order_relaxed)) stats_.refused.add(1);
      return true;
    default:
      return fail(status);
  }
}

bool Worker::succeeds(const Status& status) {
  return status.ok() || fail(status);
}

bool Worker::fail(const Status& status) {
  stats_.failed.add(1);
  stats_.finished_ns.set(now_ns());
  run_.state.report_failure(status);
  return false;
}

}  // namespace tidelock::agent
