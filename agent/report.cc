#include "agent/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "agent/recovery.h"

namespace tidelock::agent {
namespace {

constexpr double kMicrosecond = 1e3, kMillisecond = 1e6, kSecond = 1e9;  // ns

Percentiles microseconds(const Histogram& histogram) {
  const auto at = [&](double quantile) {
    return static_cast<double>(histogram.at_quantile(quantile)) / kMicrosecond;
  };
  return {.p50 = at(0.5), .p99 = at(0.99), .p999 = at(0.999), .max = at(1)};
}

void add_writers(const Run& run, const RunOutcome& outcome, Report& report) {
  Histogram reads, writes;
  std::array<Histogram, kActions> latencies;
  std::array<ActionFigures, kActions>& actions = report.actions;
  std::vector<double> rates;
  for (const WriterStats& writer : run.state.writers().first(run.preloader())) {
    report.reads += writer.reads.get();
    report.writes += writer.writes.get();
    report.refused += writer.refused.get();
    report.no_space += writer.no_space.get();
    report.not_durable += writer.not_durable.get();
    report.retries += writer.retries.get();
    report.waits += writer.backoffs.get();
    report.backed_off_s += static_cast<double>(writer.backed_off_ns.get()) / kSecond;
    report.longest_wait_ms = std::max(
        report.longest_wait_ms, static_cast<double>(writer.longest_wait.get()) / kMillisecond);
    report.longest_call_ms = std::max(
        report.longest_call_ms, static_cast<double>(writer.longest_call.get()) / kMillisecond);
    report.longest_job_ms = std::max(report.longest_job_ms,
                                     static_cast<double>(writer.longest_job.get()) / kMillisecond);
    report.snapshots += writer.snapshots.get();
    report.batches += writer.batches.get();
    report.flushes += writer.flushes.get();
    report.compactions += writer.compactions.get();
    report.reopenings += writer.reopenings.get();
    report.forks += writer.forks.get();
    for (std::size_t i = 0; i < kActions; ++i) {
      const std::uint64_t count = writer.actions[i].get();
      if (count == 0) continue;
      actions[i].count += count;
      latencies[i].merge(writer.latency[i]);
    }
    // With a fixed number of operations for each, the faster one is done earlier.
    const std::uint64_t end =
        writer.finished_ns.get() != 0 ? writer.finished_ns.get() : outcome.end_ns;
    const auto busy_ns =
        static_cast<double>(std::max(end, outcome.start_ns + 1) - outcome.start_ns);
    rates.push_back(static_cast<double>(writer.done()) / busy_ns);
  }
  for (std::size_t i = 0; i < kActions; ++i) {
    report.operations += actions[i].count;
    actions[i].latency_us = microseconds(latencies[i]);
    (only_reads(static_cast<Action>(i)) ? reads : writes).merge(latencies[i]);
  }
  report.jain = jain_index(rates);
  report.read_latency_us = microseconds(reads);
  report.write_latency_us = microseconds(writes);
  reads.merge(writes);
  report.latency_us = microseconds(reads);
}

void add_kills(const Run& run, const RunOutcome& outcome, Report& report) {
  std::vector<std::uint64_t> killed, released;
  for (const Kill& kill : outcome.kills) {
    killed.push_back(kill.kill_ns);
    released.push_back(kill.reaped_ns);
  }
  report.kills = killed.size();
  report.aimed = outcome.aimed;
  report.stops = outcome.stops;
  report.visits = outcome.visits;
  report.states_lost = outcome.states_lost;
  report.starved_ms = static_cast<double>(outcome.starved_ns) / kMillisecond;
  report.longest_call_ms = std::max(
      report.longest_call_ms, static_cast<double>(outcome.longest_cut_call_ns) / kMillisecond);
  const auto gaps = [&](const std::vector<std::uint64_t>& moments) {
    return percentiles(gaps_until_next_acknowledgement(run.journals, moments), kMillisecond);
  };
  report.recovery_ms = gaps(killed);
  report.recovery_from_release_ms = gaps(released);
}

}  // namespace

double jain_index(std::span<const double> shares) noexcept {
  double sum = 0, squares = 0;
  for (const double share : shares) {
    sum += share;
    squares += share * share;
  }
  return squares == 0 ? 1 : sum * sum / (static_cast<double>(shares.size()) * squares);
}

Percentiles percentiles(std::vector<std::uint64_t> values_ns, double unit_ns) {
  if (values_ns.empty()) return {};
  std::sort(values_ns.begin(), values_ns.end());
  const auto at = [&](double quantile) {
    const double rank = std::ceil(quantile * static_cast<double>(values_ns.size()));
    const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
    return static_cast<double>(values_ns[index]) / unit_ns;
  };
  return {.p50 = at(0.5), .p99 = at(0.99), .p999 = at(0.999), .max = at(1)};
}

Report make_report(const Run& run, const RunOutcome& outcome, const History& history,
                   FinalCheck check) {
  Report report;
  report.start_ns = outcome.start_ns;
  report.fairness_limit = run.settings.fairness_limit;
  report.seconds = static_cast<double>(outcome.end_ns - outcome.start_ns) / kSecond;
  add_writers(run, outcome, report);
  for (const SlotStats& slot : run.state.slots()) report.waits += slot.lock_waits.get();
  report.loaded = run.state.writers()[run.preloader()].loaded.get();
  add_kills(run, outcome, report);
  report.accidents = outcome.accidents;
  report.interrupted = outcome.interrupted;
  report.failure = run.state.first_failure();
  report.contradictions = run.state.contradictions() + check.values.impossible;
  report.first_contradictions = run.state.first_contradictions();
  report.journal = history.totals;
  report.check = std::move(check);
  return report;
}

ExitCode exit_code(const Status& status) noexcept {
  switch (status.code()) {
    case StatusCode::kOk:
      return ExitCode::kGood;
    case StatusCode::kBusy:
    case StatusCode::kTimedOut:
      return ExitCode::kBusy;
    case StatusCode::kCorruption:
      return ExitCode::kDamage;
    case StatusCode::kInvalid:
    case StatusCode::kTooLarge:
      return ExitCode::kUsage;
    default:
      return ExitCode::kIo;
  }
}

ExitCode exit_code(const Report& report) noexcept {
  if (report.check.values.lost + report.contradictions != 0) return ExitCode::kLost;
  if (report.verification && report.verification->violations.count() != 0) return ExitCode::kLost;
  if (!report.check.problems.empty()) return ExitCode::kDamage;
  for (const Status* status : {&report.failure, &report.check.status}) {
    if (status->code() == StatusCode::kCorruption) return ExitCode::kDamage;
  }
  if (!report.accidents.empty()) return ExitCode::kAccident;
  const Status& error = report.failure.ok() ? report.check.status : report.failure;
  if (error.ok() && report.jain < report.fairness_limit) return ExitCode::kUnfair;
  return exit_code(error);
}

}  // namespace tidelock::agent
