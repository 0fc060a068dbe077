#include "agent/writer.h"

#include <algorithm>
#include <thread>

#include "agent/call_timer.h"

namespace tidelock::agent {
namespace {

Outcome outcome_of(const Status& status, const StoreKind& store) noexcept {
  switch (status.code()) {
    case StatusCode::kOk:
    case StatusCode::kNotDurable:
      return Outcome::kAcknowledged;
    case StatusCode::kBusy:
    case StatusCode::kTimedOut:
      return Outcome::kRefused;
    case StatusCode::kNoSpace:
      return store.full_disk_is_refusal ? Outcome::kRefused : Outcome::kUnknown;
    default:
      return Outcome::kUnknown;
  }
}

Effects& effects(LedgerEntry& entry, OperationKind kind) noexcept {
  return kind == OperationKind::kErase ? entry.erases() : entry.puts();
}

}  // namespace

Writer::Writer(const Run& run, const std::unique_ptr<Session>& session, std::uint32_t writer)
    : run_(run),
      session_(session),
      writer_(writer),
      journal_(run.journals.empty() ? nullptr : &run.journals[writer]),
      stats_(run.state.writers()[writer]),
      deadline_ns_(run.settings.deadline == Wait::kForEver ? UINT64_MAX
                                                           : in_ns(run.settings.deadline)) {}

Status Writer::write(std::span<const Step> steps, bool durable, Took& took, Random& random) {
  if (journal_ == nullptr) return write_unjudged(steps, durable, took, random);
  const std::span<LedgerEntry> ledger = run_.state.ledger();
  took.begin_ns = now_ns();
  const Result<std::uint64_t> counter = journal_->begin(steps, took.begin_ns);
  if (!counter) return counter.error();
  make_changes(steps, *counter);
  for (const Step& step : steps) {
    effects(ledger[step.key], step.kind).began();
  }

  const Attempts attempts = attempt(*counter, took.begin_ns, durable, random);

  const Outcome outcome = outcome_of(attempts.status, *run_.settings.store);
  journal_->end(*counter, outcome, attempts.end_ns);
  for (const Step& step : steps) {
    LedgerEntry& entry = ledger[step.key];
    const bool acknowledged = outcome == Outcome::kAcknowledged;
    const bool erase = step.kind == OperationKind::kErase;
    if (acknowledged && erase) entry.erase_acknowledged(attempts.begin_ns);
    if (acknowledged && !erase) entry.put_acknowledged(attempts.begin_ns);
    if (outcome != Outcome::kUnknown) {
      effects(entry, step.kind).ended(acknowledged ? attempts.end_ns : 0);
    }
  }
  took.end_ns = attempts.end_ns;
  stats_.longest_wait.set(std::max(stats_.longest_wait.get(), took.end_ns - took.begin_ns));
  return conclude(attempts.status, steps.size());
}

// The values are unique all the same.
Status Writer::write_unjudged(std::span<const Step> steps, bool durable, Took& took,
                              Random& random) {
  make_changes(steps, counter_);
  counter_ += steps.size();
  Status status = session_->write(changes_, durable);
  if (status.code() == StatusCode::kBusy) {
    const std::uint64_t begin = took.begin_ns != 0 ? took.begin_ns : now_ns();
    std::optional<RetryDelays> delays;
    for (std::uint32_t attempts = 1;
         status.code() == StatusCode::kBusy && !give_up(attempts, now_ns() - begin); ++attempts) {
      back_off(delays, random);
      status = session_->write(changes_, durable);
    }
    stats_.longest_wait.set(std::max(stats_.longest_wait.get(), now_ns() - begin));
  }
  if (took.begin_ns != 0) took.end_ns = now_ns();
  return conclude(status, steps.size());
}

void Writer::make_changes(std::span<const Step> steps, std::uint64_t counter) {
  if (names_.size() < steps.size()) {
    names_.resize(steps.size());
    values_.resize(steps.size());
  }
  changes_.clear();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    Change& change = changes_.emplace_back();
    change.key = run_.keys.at(step.key, names_[i]);
    if (step.kind == OperationKind::kErase) continue;
    const Stamp stamp{
        .run = run_.id, .writer = static_cast<std::uint16_t>(writer_), .counter = counter + i};
    write_value(stamp, step.key, run_.settings.workload.values, values_[i], step.value_size);
    change.value = values_[i];
  }
}

Writer::Attempts Writer::attempt(std::uint64_t counter, std::uint64_t begin_ns, bool durable,
                                 Random& random) {
  const std::uint64_t first_begin_ns = begin_ns;
  std::optional<RetryDelays> delays;
  for (std::uint32_t attempts = 1;; ++attempts) {
    CallTimer call(stats_);
    Status status = session_->write(changes_, durable);
    const std::uint64_t end_ns = call.finish();
    if (status.code() != StatusCode::kBusy || give_up(attempts, end_ns - first_begin_ns)) {
      return {.status = std::move(status), .begin_ns = begin_ns, .end_ns = end_ns};
    }
    back_off(delays, random);
    begin_ns = now_ns();
    journal_->begin_again(counter, begin_ns);
  }
}

void Writer::back_off(std::optional<RetryDelays>& delays, Random& random) {
  stats_.retries.add(1);
  if (!run_.settings.backoff) return std::this_thread::yield();
  if (!delays) delays.emplace(*run_.settings.backoff);
  stats_.backoffs.add(1);
  const std::uint64_t begin = now_ns();
  std::this_thread::sleep_for(delays->next(random));
  stats_.backed_off_ns.add(now_ns() - begin);
}

bool Writer::give_up(std::uint32_t attempts, std::uint64_t waited_ns) const noexcept {
  return attempts == run_.settings.tries || waited_ns >= deadline_ns_ ||
         run_.state.stop().load(std::memory_order_relaxed);
}

Status Writer::conclude(const Status& status, std::size_t steps) {
  if (status.code() == StatusCode::kNotDurable) stats_.not_durable.add(1);
  if (!status.ok() && status.code() != StatusCode::kNotDurable) return status;
  stats_.writes.add(1);
  std::uint64_t bytes = 0;
  for (const Change& change : changes_) {
    bytes += change.key.size() + (change.value ? change.value->size() : 0);
  }
  stats_.user_bytes.add(bytes);
  if (steps > 1) stats_.batches.add(1);
  return Status();
}

}  // namespace tidelock::agent
