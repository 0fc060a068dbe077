#include "agent/summary.h"

#include <cstdio>
#include <ostream>

#include "agent/names.h"
#include "agent/words.h"

namespace tidelock::agent {
namespace {

void print_row(std::ostream& out, const char* name, std::uint64_t count, double per_second,
               const Percentiles& us) {
  char text[160];
  std::snprintf(text, sizeof text, "%-17s %13s %12s %10.1f %10.1f %10.1f %12.1f\n", name,
                grouped(count).c_str(), grouped(static_cast<std::uint64_t>(per_second)).c_str(),
                us.p50, us.p99, us.p999, us.max);
  out << text;
}

void print_table(std::ostream& out, const Report& report) {
  const double seconds = report.seconds > 0 ? report.seconds : 1;
  const auto rate = [&](std::uint64_t count) { return static_cast<double>(count) / seconds; };
  char head[160];
  std::snprintf(head, sizeof head, "%-17s %13s %12s %10s %10s %10s %12s\n", "", "count",
                "per second", "p50 us", "p99 us", "p99.9 us", "max us");
  out << '\n' << head;
  std::uint64_t reads = 0, writes = 0;
  for (std::size_t i = 0; i < kActions; ++i) {
    const ActionFigures& figures = report.actions[i];
    (only_reads(static_cast<Action>(i)) ? reads : writes) += figures.count;
    if (figures.count == 0 && figures.latency_us.max == 0) continue;
    print_row(out, kActionNames[i].data(), figures.count, rate(figures.count), figures.latency_us);
  }
  if (reads != 0 && writes != 0) {
    print_row(out, "all reads", reads, rate(reads), report.read_latency_us);
    print_row(out, "all writes", writes, rate(writes), report.write_latency_us);
  }
  print_row(out, "all", report.operations, rate(report.operations), report.latency_us);
  out << '\n';
}

void print_contention(std::ostream& out, const Settings& settings, const Report& report) {
  out << grouped(report.retries) << (report.retries == 1 ? " retry, " : " retries, ")
      << counted(report.waits, "wait")
      << (settings.wait == Wait::Policy::kQueue ? " in the queue" : " between attempts") << ", "
      << counted(report.refused, "write") << " given up; Jain index "
      << with_decimals(report.jain, 3) << ", in windows of 100 ms "
      << (report.fairness ? with_decimals(*report.fairness, 3) : "-") << ", longest wait "
      << with_decimals(report.longest_wait_ms, 1) << " ms\n";
  if (report.never_begun + report.misses + report.inserts_as_updates != 0) {
    out << counted(report.never_begun, "operation") << " due, never begun; "
        << counted(report.misses, "read") << " of one key found nothing; "
        << counted(report.inserts_as_updates, "insert")
        << " found no room for another key and wrote one that is there\n";
  }
  if (report.not_durable != 0) {
    out << counted(report.not_durable, "write") << " committed but not known to be on disk\n";
  }
}

void print_kills(std::ostream& out, const Settings& settings, const Report& report) {
  if (settings.kill_every.count() == 0) return;
  const auto row = [&](const char* since, const Percentiles& ms) {
    out << "  until the next acknowledged write, from " << since << ": p50 "
        << with_decimals(ms.p50, 2) << " ms, p99 " << with_decimals(ms.p99, 2) << " ms, max "
        << with_decimals(ms.max, 2) << " ms\n";
  };
  out << counted(report.kills, "client") << " killed, "
      << counted(report.journal.in_flight, "write") << " left unanswered by them; "
      << counted(report.check.redos, "commit") << " of the dead finished by others\n";
  row("the kill", report.recovery_ms);
  row("the kernel's release", report.recovery_from_release_ms);
}

void print_churn(std::ostream& out, const Settings& settings, const Report& report) {
  if (settings.churn_every != 0) {
    out << grouped(report.flushes) << " flushes"
        << ", " << counted(report.compactions, "compaction") << ", "
        << counted(report.reopenings, "reopening") << ", " << counted(report.forks, "fork")
        << "; the longest of the first two, or close, " << with_decimals(report.longest_job_ms, 1)
        << " ms\n";
  }
  if (report.stops + report.visits + report.no_space != 0) {
    out << counted(report.stops, "client") << " stopped for a while, "
        << counted(report.visits, "visitor") << " left, " << counted(report.no_space, "write")
        << " found no space\n";
  }
  out << grouped(report.batches) << " batches"
      << ", " << counted(report.snapshots, "read") << " of several keys; longest call "
      << with_decimals(report.longest_call_ms, 1) << " ms, longest delay of the supervisor "
      << with_decimals(report.starved_ms, 1) << " ms\n";
}

// Writer and counter name an operation as its value does.
std::string operation_name(std::uint32_t writer, std::uint64_t counter) {
  return std::to_string(writer) + ":" + std::to_string(counter);
}

std::string after_start(std::uint64_t ns, const Report& report) {
  const double seconds = (static_cast<double>(ns) - static_cast<double>(report.start_ns)) / 1e9;
  return with_decimals(seconds, 7) + " s";
}

std::string describe(const Operation& operation, const Report& report) {
  std::string text = operation.kind == OperationKind::kErase ? "erase" : "put";
  if (operation.batch_size > 1) text += " in a batch of " + std::to_string(operation.batch_size);
  text += ", " + after_start(operation.begin_ns, report) + " to ";
  switch (operation.outcome) {
    case Outcome::kInFlight:
      return text + "no answer";
    case Outcome::kAcknowledged:
      return text + after_start(operation.end_ns, report);
    case Outcome::kRefused:
      return text + after_start(operation.end_ns, report) + ", refused";
    case Outcome::kUnknown:
      break;
  }
  return text + after_start(operation.end_ns, report) + ", failed";
}

std::string describe(const Finding& finding, const Report& report) {
  const std::string name = operation_name(finding.stamp.writer, finding.stamp.counter);
  switch (finding.kind) {
    case Finding::Kind::kNothing:
      return "nothing";
    case Finding::Kind::kForeign:
      return "a value that is not of this run";
    case Finding::Kind::kOperation:
      return "the value of " + name + " (" + describe(finding.operation, report) + ")";
    case Finding::Kind::kSomething:
      return "that it is there";
    case Finding::Kind::kImpossible:
      break;
  }
  return "a value that claims to be " + name + " and is not what that operation wrote";
}

std::string describe(const Run& run, const OperationId& id, const Report& report) {
  return operation_name(id.writer, id.counter) + " (" +
         describe(*run.journals[id.writer].find(id.counter), report) + ")";
}

// The write that a read, or a final value, should have shown the effect of.
std::string acknowledged_write(const Run& run, std::uint32_t key, std::uint64_t begin_ns,
                               const Report& report) {
  const std::optional<OperationId> id = find_acknowledged(run.journals, key, begin_ns);
  return id ? describe(run, *id, report) : "a write that began at " + after_start(begin_ns, report);
}

std::string key_text(const Run& run, std::uint32_t key) {
  std::string buffer;
  return "key \"" + std::string(run.keys.at(key, buffer)) + "\"";
}

void print_mismatch(std::ostream& out, const Run& run, const Report& report,
                    const Mismatch& mismatch) {
  out << (mismatch.verdict == Verdict::kStale ? "LOST " : "IMPOSSIBLE ")
      << key_text(run, mismatch.key) << ": holds " << describe(mismatch.found, report);
  if (mismatch.facts.newest_begin_ns != 0) {
    out << ", though the last acknowledged write is "
        << acknowledged_write(run, mismatch.key, mismatch.facts.newest_begin_ns, report);
  }
  out << '\n';
  for (const OperationId& id : mismatch.expected) {
    out << "  expected " << describe(run, id, report) << '\n';
  }
}

void print_contradiction(std::ostream& out, const Run& run, const Report& report,
                         const Contradiction& contradiction) {
  out << "CONTRADICTION " << key_text(run, contradiction.key) << ": writer " << contradiction.reader
      << " read, " << after_start(contradiction.read_begin_ns, report) << " to "
      << after_start(contradiction.read_end_ns, report) << ", "
      << describe(contradiction.finding, report);
  if (contradiction.verdict == Verdict::kStale) {
    out << ", though before that was acknowledged "
        << acknowledged_write(run, contradiction.key, contradiction.newest_begin_ns, report);
  }
  out << '\n';
}

std::string describe(const Reading& reading, const Report& report) {
  std::string text =
      after_start(reading.begin_ns, report) + " to " + after_start(reading.end_ns, report);
  if (reading.sequence != Reading::kNoSequence) {
    text += ", snapshot at " + std::to_string(reading.sequence);
  }
  if (reading.sight.is_put()) {
    return text + ": " + operation_name(reading.sight.writer(), reading.sight.counter());
  }
  return text + (reading.sight.is_nothing() ? ": nothing" : ": a value from before the run");
}

void print_violation(std::ostream& out, const Run& run, const Report& report,
                     const history::Violation& violation) {
  out << "VIOLATION ";
  if (violation.key != history::Violation::kNoKey) out << key_text(run, violation.key) << ": ";
  out << description(violation.kind) << '\n';
  for (const OperationId& id : violation.writes) {
    const bool known = id.counter < run.journals[id.writer].size();
    out << "  wrote " << (known ? describe(run, id, report) : operation_name(id.writer, id.counter))
        << '\n';
  }
  for (const history::ReadingId& id : violation.readings) {
    const Reading& reading = run.reads[id.log][id.index];
    out << "  read by " << operation_name(id.log, id.index) << ", " << key_text(run, reading.key)
        << ", " << describe(reading, report) << '\n';
  }
}

void print_verification(std::ostream& out, const Report& report) {
  if (!report.verification) return;
  const history::Verification& found = *report.verification;
  out << "history: " << counted(found.writes, "write") << ", " << grouped(found.batches)
      << " of several keys, " << grouped(found.unanswered) << " of the dead seen later; "
      << counted(found.readings, "reading") << ", " << counted(found.snapshots, "snapshot") << ", "
      << counted(found.walks, "walk") << ": violations = " << found.violations.count() << '\n';
}

bool has_findings(const Report& report) {
  return report.contradictions != 0 || !report.check.values.mismatches.empty() ||
         (report.verification && report.verification->violations.count() != 0) ||
         !report.check.problems.empty() || !report.accidents.empty() || !report.failure.ok() ||
         !report.check.status.ok();
}

// What the clients do.
std::string load_text(const Settings& settings) {
  const Workload& workload = settings.workload;
  if (!settings.replay.empty()) {
    return "replay of " + settings.replay +
           (settings.replay_timing == ReplayTiming::kFast ? " as fast as can" : "");
  }
  return (workload.name.empty() ? "" : workload.name + ": ") + workload.mix.to_string() + ", " +
         name_of(kKeyOrderNames, workload.keys.order) + " keys, values of " +
         workload.values.sizes.text() + " bytes";
}

}  // namespace

void print_findings(std::ostream& out, const Run& run, const Report& report) {
  if (has_findings(report)) out << "found with --seed " << run.settings.seed << ":\n";
  for (const Contradiction& contradiction : report.first_contradictions) {
    print_contradiction(out, run, report, contradiction);
  }
  for (const Mismatch& mismatch : report.check.values.mismatches) {
    print_mismatch(out, run, report, mismatch);
  }
  if (report.verification) {
    for (const history::Violation& violation : report.verification->violations.kept()) {
      print_violation(out, run, report, violation);
    }
  }
  for (const std::string& problem : report.check.problems) out << "DAMAGE " << problem << '\n';
  for (const std::string& accident : report.accidents) out << "ACCIDENT " << accident << '\n';
  if (!report.failure.ok()) out << "a client failed: " << report.failure.to_string() << '\n';
  if (!report.check.status.ok()) {
    out << "the check could not be finished: " << report.check.status.to_string() << '\n';
  }
}

void print_settings(std::ostream& out, const Settings& settings) {
  out << counted(settings.processes, "client") << " of " << counted(settings.threads, "thread")
      << " on " << settings.directory << " (" << settings.store->name << "), "
      << load_text(settings) << ", durability " << name_of(kDurabilityNames, settings.durability)
      << ",\n";
  const bool queue = settings.wait == Wait::Policy::kQueue;
  if (!is_tidelock(*settings.store) && (queue || !settings.store->fails_fast)) {
    out << "waiting as the store does";
  } else if (queue) {
    out << "waiting in the lock's queue (" << name_of(kHandoverNames, settings.handover)
        << " hand-over)";
  } else {
    out << "fail-fast, backoff " << backoff_name(settings);
  }
  out << "; seed " << settings.seed << '\n';
}

void print_conclusion(std::ostream& out, const Run& run, const Report& report) {
  if (report.interrupted) out << "interrupted after " << with_decimals(report.seconds, 1) << " s\n";
  if (is_unfair(report)) {
    out << "UNFAIR: Jain index " << with_decimals(report.fairness.value_or(report.jain), 3)
        << (report.fairness ? " in windows of 100 ms" : "") << ", asked for "
        << with_decimals(report.fairness_limit, 3) << '\n';
  }
  if (run.settings.verify == Verify::kNone) {
    if (exit_code(report) == ExitCode::kGood) out << "Nothing was verified.\n";
    return;
  }
  out << "checked " << counted(report.check.values.keys, "key") << " against "
      << counted(report.journal.acknowledged, "acknowledged write")
      << ": lost = " << report.check.values.lost << ", contradictions = " << report.contradictions
      << ", problems = " << report.check.problems.size() << '\n';
  if (exit_code(report) == ExitCode::kGood) out << "Nothing lost.\n";
}

void print_summary(std::ostream& out, const Run& run, const Report& report) {
  print_settings(out, run.settings);
  print_table(out, report);
  print_contention(out, run.settings, report);
  print_kills(out, run.settings, report);
  print_churn(out, run.settings, report);
  print_measures(out, run, report);
  print_findings(out, run, report);
  print_verification(out, report);
  print_conclusion(out, run, report);
}

}  // namespace tidelock::agent
