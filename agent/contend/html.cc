#include <ostream>
#include <sstream>
#include <thread>

#include "agent/contend/reports.h"
#include "agent/report/chart.h"
#include "agent/report/page.h"
#include "agent/words.h"

namespace tidelock::agent::contend {
namespace {

using R = const RoundFigures&;
using F = const FaultFigures&;

bool ran(const Outcome& outcome) {
  return !outcome.rounds.empty();
}

Chart bars(const Comparison& comparison, const char* title, const char* note, const char* unit,
           double (*of)(R)) {
  Chart chart{.title = title, .note = note, .unit = unit, .series = {title}, .rows = {}};
  for (const Outcome& outcome : comparison.outcomes) {
    if (!ran(outcome)) continue;
    ChartRow row{.name = outcome.policy, .values = {of(medians(outcome.rounds))}, .spread = {}};
    for (const RoundFigures& round : outcome.rounds) row.spread.push_back(of(round));
    chart.rows.push_back(std::move(row));
  }
  return chart;
}

Chart waits(const Comparison& comparison) {
  Chart chart{.title = "Wait for the lock",
              .note = "From the intended start of a turn.",
              .unit = "µs",
              .series = {"p50", "p99", "p99.9", "max"},
              .rows = {}};
  for (const Outcome& outcome : comparison.outcomes) {
    if (!ran(outcome)) continue;
    const Percentiles wait = medians(outcome.rounds).wait_us;
    chart.rows.push_back({.name = outcome.policy,
                          .values = {wait.p50, wait.p99, wait.p999, wait.max},
                          .spread = {}});
  }
  return chart;
}

double median_of(const std::vector<FaultFigures>& times, double (*of)(F)) {
  std::vector<double> values;
  for (const FaultFigures& figures : times) values.push_back(of(figures));
  return values.empty() ? -1 : median(std::move(values));
}

Chart recovery(const Comparison& comparison, Fault fault) {
  const bool own_turn = fault == Fault::kWaiterStopped;
  const bool holder = fault == Fault::kHolderKilled || fault == Fault::kHolderStopped;
  Chart chart{.title = std::string("Recovery: ") + fault_name(fault),
              .note = holder ? fault == Fault::kHolderKilled ? "Counted from SIGKILL."
                                                             : "Counted from SIGCONT."
                             : "It was the first in line while another held the lock.",
              .unit = "ms",
              .series = {holder ? "next turn of anybody" : "longest time without any turn",
                         "until all others had a turn"},
              .rows = {}};
  if (own_turn) chart.series.push_back("from SIGCONT to its own turn");
  for (const Outcome& outcome : comparison.outcomes) {
    const auto& times = outcome.faults[static_cast<std::size_t>(fault)];
    if (times.empty()) continue;
    ChartRow row{.name = outcome.policy,
                 .values = {median_of(times, [](F f) { return f.recovery; }),
                            median_of(times, [](F f) { return f.longest_wait; })},
                 .spread = {}};
    if (own_turn) {
      row.values.push_back(median_of(times, [](F f) { return f.own_turn.value_or(0); }));
    }
    chart.rows.push_back(std::move(row));
  }
  return chart;
}

void print_head(std::ostream& out, const Settings& settings, const Comparison& comparison) {
  begin_page(out, "Contention for one lock");
  out << "<p>"
      << (settings.processes == 1 ? "1 process" : grouped(settings.processes) + " processes")
      << " on one lock, " << rounded(comparison.stay_ns) << " ns inside, "
      << grouped(settings.think_us) << " µs of thinking between two turns, "
      << counted(std::thread::hardware_concurrency(), "CPU") << ". "
      << counted(settings.rounds, "round") << " of " << with_decimals(settings.seconds, 2)
      << " s for each policy, alternating; medians, with a stroke for each round. Seed "
      << settings.seed << ".</p>\n";
}

void print_verdict(std::ostream& out, const Comparison& comparison) {
  std::uint64_t verified = 0;
  std::vector<std::string> bad;
  for (const Outcome& outcome : comparison.outcomes) {
    verified += outcome.turns_verified;
    for (const std::string& problem : outcome.problems)
      bad.push_back(outcome.policy + ": " + problem);
    for (const std::string& end : outcome.accidents) bad.push_back(outcome.policy + ": " + end);
    if (!outcome.failure.ok()) bad.push_back(outcome.policy + ": " + outcome.failure.to_string());
  }
  for (const std::string& line : bad) {
    out << "<p class=\"verdict bad\">" << escaped(line) << "</p>\n";
  }
  if (comparison.interrupted) out << "<p class=\"verdict\">The run was interrupted.</p>\n";
  if (bad.empty()) {
    out << "<p class=\"verdict\">Mutual exclusion held: " << counted(verified, "turn")
        << " verified, none lost, no two at the same time.</p>\n";
  }
}

void print_charts(std::ostream& out, const Comparison& comparison) {
  const auto bar = [&](const char* title, const char* note, const char* unit, double (*of)(R)) {
    out << draw(bars(comparison, title, note, unit, of));
  };
  out << "<h2>At work</h2>\n<div class=\"charts\">\n";
  bar("Turns a second", "", "/s", [](R r) { return r.operations_per_second; });
  out << draw(waits(comparison));
  bar("Jain index", "1: all processes got the same.", "", [](R r) { return r.jain; });
  bar("Longest gap", "of any process without a turn.", "ms", [](R r) { return r.longest_gap_ms; });
  bar("Overtakes", "of those who had come before, a turn.", "",
      [](R r) { return r.overtakes_per_acquire; });
  bar("Tries", "for one turn.", "", [](R r) { return r.tries_per_success; });
  bar("CPU time", "of a million turns, the work inside and the thinking included.", "s",
      [](R r) { return r.cpu_seconds_per_million; });
  bar("Alone", "Acquire and release if nobody else wants the lock.", "ns",
      [](R r) { return r.alone_ns; });
  out << "</div>\n";
}

void print_faults(std::ostream& out, const Comparison& comparison) {
  bool any = false;
  for (const Fault fault : kFaults) {
    const Chart chart = recovery(comparison, fault);
    if (chart.rows.empty()) continue;
    if (!any) out << "<h2>When something befalls a process</h2>\n<div class=\"charts\">\n";
    any = true;
    out << draw(chart);
  }
  if (any) out << "</div>\n";
}

void print_figures(std::ostream& out, const Comparison& comparison) {
  out << "<h2>Figures</h2>\n<div class=\"scroll\"><table><tr><th>policy</th>";
  for (const Figure& figure : round_figures()) out << "<th>" << figure.name << "</th>";
  out << "</tr>\n";
  for (const Outcome& outcome : comparison.outcomes) {
    if (!ran(outcome)) continue;
    const RoundFigures figures = medians(outcome.rounds);
    out << "<tr><td>" << escaped(outcome.policy) << "</td>";
    for (const Figure& figure : round_figures()) {
      out << "<td>" << rounded(figure.of(figures)) << "</td>";
    }
    out << "</tr>\n";
  }
  out << "</table></div>\n";
}

}  // namespace

void print_html(std::ostream& out, const Settings& settings, const Comparison& comparison) {
  print_head(out, settings, comparison);
  print_verdict(out, comparison);
  print_charts(out, comparison);
  print_faults(out, comparison);
  print_figures(out, comparison);
  end_page(out);
}

}  // namespace tidelock::agent::contend
