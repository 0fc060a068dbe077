#include "agent/worker.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "agent/clock.h"
#include "agent/retry_delays.h"

namespace tidelock::agent {
namespace {

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

Worker::Worker(const Run& run, Db& db, const Assignment& assignment, std::uint64_t seed)
    : run_(run),
      db_(db),
      assignment_(assignment),
      journal_(run.journals[assignment.writer]),
      stats_(run.state.writers()[assignment.writer]),
      evidence_{.journals = run.journals, .run = run.id, .value_size = run.settings.value_size},
      deadline_ns_(in_ns(run.settings.deadline)),
      random_(seed),
      chooser_(assignment.keys, run.keys.count(), assignment.place) {
  write_options_.wait =
      Wait{.policy = run.settings.wait, .deadline = run.settings.deadline, .backoff = {}};
}

bool Worker::work() {
  while (stats_.done() < assignment_.operations &&
         !run_.state.stop().load(std::memory_order_relaxed)) {
    const std::uint32_t key = chooser_.next(random_);
    bool go_on;
    if (random_.below(100) < assignment_.read_percent) {
      go_on = read(key);
    } else {
      const bool erase = random_.below(100) < assignment_.erase_percent;
      go_on = write(key, erase ? OperationKind::kErase : OperationKind::kPut);
    }
    if (!go_on) return false;
  }
  stats_.finished_ns.set(now_ns());
  return true;
}

bool Worker::read(std::uint32_t key) {
  const std::string_view name = run_.keys.at(key, key_buffer_);
  const LedgerEntry& ledger = run_.state.ledger()[key];
  const std::uint64_t newest_begin = ledger.newest_begin_ns();
  const std::uint64_t begin = now_ns();
  const Result<std::optional<PinnedValue>> value = db_.get_pinned(name);
  const std::uint64_t end = now_ns();
  if (!value) return fail(value.error());
  stats_.reads.add(1);
  stats_.read_latency.record(end - begin);

  std::optional<std::string_view> bytes;
  if (*value) bytes = (*value)->view();
  const Finding finding = interpret(key, bytes, evidence_);
  const KeyFacts facts{.newest_begin_ns = newest_begin,
                       .latest_erase_ns = ledger.latest_erase_ns()};
  if (const Verdict verdict = judge(finding, facts); verdict != Verdict::kSound) {
    run_.state.report_contradiction({.key = key,
                                     .reader = assignment_.writer,
                                     .finding = finding,
                                     .verdict = verdict,
                                     .newest_begin_ns = newest_begin,
                                     .read_begin_ns = begin,
                                     .read_end_ns = end});
  }
  return true;
}

bool Worker::write(std::uint32_t key, OperationKind kind) {
  const std::string_view name = run_.keys.at(key, key_buffer_);
  LedgerEntry& ledger = run_.state.ledger()[key];
  const std::uint64_t begin = now_ns();
  const Result<std::uint64_t> counter = journal_.begin(key, kind, begin);
  if (!counter) return fail(counter.error());
  if (kind == OperationKind::kErase) {
    ledger.erase_began();
  } else {
    const Stamp stamp{.run = run_.id,
                      .writer = static_cast<std::uint16_t>(assignment_.writer),
                      .counter = *counter};
    write_value(stamp, key, evidence_.value_size, value_);
  }

  const Attempts attempts = attempt(*counter, kind, name, begin);

  const Outcome outcome = outcome_of(attempts.status);
  journal_.end(*counter, outcome, attempts.end_ns);
  if (outcome == Outcome::kAcknowledged) {
    ledger.acknowledged(attempts.begin_ns);
  }
  if (kind == OperationKind::kErase && outcome != Outcome::kUnknown) {
    ledger.erase_ended(outcome == Outcome::kAcknowledged ? attempts.end_ns : 0);
  }
  return conclude(attempts.status, attempts.end_ns - begin);
}

Worker::Attempts Worker::attempt(std::uint64_t counter, OperationKind kind, std::string_view key,
                                 std::uint64_t begin_ns) {
  const std::uint64_t first_begin_ns = begin_ns;
  std::optional<RetryDelays> delays;
  for (std::uint32_t attempts = 1;; ++attempts) {
    Status status = kind == OperationKind::kPut ? db_.put(key, value_, write_options_)
                                                : db_.erase(key, write_options_);
    const std::uint64_t end_ns = now_ns();
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

bool Worker::fail(const Status& status) {
  stats_.failed.add(1);
  stats_.finished_ns.set(now_ns());
  run_.state.report_failure(status);
  return false;
}

}  // namespace tidelock::agent
