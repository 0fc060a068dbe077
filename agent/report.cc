#include "agent/report.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/recovery.h"

namespace tidelock::agent {
namespace {

constexpr double kMillisecond = 1e6, kSecond = 1e9;  // ns

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
    report.never_begun += writer.never_begun.get();
    report.misses += writer.misses.get();
    report.inserts_as_updates += writer.inserts_as_updates.get();
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
      actions[i].count += writer.actions[i].get();
      latencies[i].merge(writer.latency[i]);
    }
    report.resources.user_bytes += writer.user_bytes.get();
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
    actions[i].curve_us = percentile_curve_us(latencies[i]);
    (only_reads(static_cast<Action>(i)) ? reads : writes).merge(latencies[i]);
  }
  report.jain = jain_index(rates);
  report.read_latency_us = microseconds(reads);
  report.write_latency_us = microseconds(writes);
  reads.merge(writes);
  report.latency_us = microseconds(reads);
}

void add_clients(const Run& run, const RunOutcome& outcome, Report& report) {
  const std::uint32_t threads = run.settings.threads;
  report.clients.resize(run.settings.processes);
  for (std::uint32_t writer = 0; writer < run.settings.writers(); ++writer) {
    const WriterStats& stats = run.state.writers()[writer];
    ClientFigures& client = report.clients[writer / threads];
    for (const Counter& count : stats.actions) client.operations += count.get();
    const std::uint64_t end =
        stats.finished_ns.get() != 0 ? stats.finished_ns.get() : outcome.end_ns;
    const std::uint64_t last_gap = end - std::min(end, stats.last_turn_ns.get());
    const auto gap_ns = static_cast<double>(std::max(stats.longest_gap.get(), last_gap));
    client.longest_gap_ms = std::max(client.longest_gap_ms, gap_ns / kMillisecond);
    report.longest_gap_ms = std::max(report.longest_gap_ms, client.longest_gap_ms);
  }
}

void add_intervals(const Run& run, const RunOutcome& outcome, Report& report) {
  // The last one may be too short to tell anything, unless it is the only one.
  constexpr double kWhole = 0.5;
  const double whole_s = kWhole * static_cast<double>(run.settings.interval_ns()) / kSecond;
  report.intervals = outcome.intervals;
  std::vector<double> reads, writes;
  for (const Interval& interval : report.intervals) {
    std::optional<std::uint64_t>& peak = report.resources.memory_peak_bytes;
    if (interval.memory_bytes) peak = std::max(peak.value_or(0), *interval.memory_bytes);
    if (interval.seconds < whole_s && report.intervals.size() != 1) continue;
    reads.push_back(interval.per_second(interval.reads));
    writes.push_back(interval.per_second(interval.writes));
  }
  report.whole_intervals = reads.size();
  report.reads_per_second = spread_of(std::move(reads));
  report.writes_per_second = spread_of(std::move(writes));
  report.resources.usage = outcome.usage;
  report.resources.directory_begin_bytes = outcome.directory_begin_bytes;
  if (!report.intervals.empty()) {
    report.resources.directory_end_bytes = report.intervals.back().directory_bytes;
  }
}

void add_kills(const Run& run, const RunOutcome& outcome, Report& report) {
  std::vector<std::uint64_t> killed, released;
  for (const Kill& kill : outcome.kills) {
    killed.push_back(kill.kill_ns);
    released.push_back(kill.reaped_ns);
    report.kills_at_s.push_back(static_cast<double>(kill.kill_ns - outcome.start_ns) / kSecond);
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

Report make_report(const Run& run, const RunOutcome& outcome, const History& history,
                   FinalCheck check) {
  Report report;
  report.start_ns = outcome.start_ns;
  report.fairness = outcome.fairness;
  report.fairness_limit = run.settings.fairness_limit;
  report.seconds = static_cast<double>(outcome.end_ns - outcome.start_ns) / kSecond;
  add_writers(run, outcome, report);
  add_clients(run, outcome, report);
  add_intervals(run, outcome, report);
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

bool is_unfair(const Report& report) noexcept {
  return report.fairness.value_or(report.jain) < report.fairness_limit;
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
  if (error.ok() && is_unfair(report)) return ExitCode::kUnfair;
  return exit_code(error);
}

ExitCode worse(ExitCode a, ExitCode b) noexcept {
  static constexpr std::array kFromTheWorst{
      ExitCode::kLost, ExitCode::kDamage, ExitCode::kAccident, ExitCode::kIo,
      ExitCode::kBusy, ExitCode::kUsage,  ExitCode::kUnfair,   ExitCode::kInterrupted};
  for (const ExitCode code : kFromTheWorst) {
    if (a == code || b == code) return code;
  }
  return ExitCode::kGood;
}

}  // namespace tidelock::agent
