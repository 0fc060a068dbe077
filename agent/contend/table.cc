#include <algorithm>
#include <cstdio>
#include <ostream>
#include <thread>

#include "agent/contend/reports.h"
#include "agent/words.h"

namespace tidelock::agent::contend {
namespace {

constexpr int kNameWidth = 30;

struct Column {
  const char* head[2];
  int width;
  std::string (*cell)(const RoundFigures&);
};

using R = const RoundFigures&;

const std::vector<Column>& columns() {
  static const std::vector<Column> kColumns{
      {{"turns", "/s"}, 12, [](R r) { return rounded(r.operations_per_second); }},
      {{"wait us", "p50"}, 10, [](R r) { return rounded(r.wait_us.p50); }},
      {{"", "p99"}, 10, [](R r) { return rounded(r.wait_us.p99); }},
      {{"", "p99.9"}, 10, [](R r) { return rounded(r.wait_us.p999); }},
      {{"", "max"}, 11, [](R r) { return rounded(r.wait_us.max); }},
      {{"Jain", "index"}, 7, [](R r) { return with_decimals(r.jain, 3); }},
      {{"overtakes", "/turn"}, 10, [](R r) { return rounded(r.overtakes_per_acquire); }},
      {{"longest", "gap ms"}, 9, [](R r) { return rounded(r.longest_gap_ms); }},
      {{"tries", "/turn"}, 8, [](R r) { return rounded(r.tries_per_success); }},
      {{"CPU s per", "million"}, 10, [](R r) { return rounded(r.cpu_seconds_per_million); }},
      {{"alone", "ns"}, 8, [](R r) { return rounded(r.alone_ns); }}};
  return kColumns;
}

std::string padded_left(const std::string& text, int width) {
  char out[80];
  std::snprintf(out, sizeof out, "%*s", width, text.c_str());
  return out;
}

std::string name_cell(const std::string& name) {
  char out[80];
  std::snprintf(out, sizeof out, "%-*s", kNameWidth, name.c_str());
  return out;
}

void print_settings(std::ostream& out, const Settings& settings, const Comparison& comparison) {
  out << (settings.processes == 1 ? "1 process" : grouped(settings.processes) + " processes")
      << " on one lock, " << rounded(comparison.stay_ns) << " ns inside, "
      << grouped(settings.think_us) << " us of thinking between two turns, "
      << counted(std::thread::hardware_concurrency(), "CPU") << ";\n"
      << "medians of " << counted(settings.rounds, "round") << " of "
      << with_decimals(settings.seconds, 2) << " s for each policy, alternating; seed "
      << settings.seed << "\n\n";
}

void print_rounds(std::ostream& out, const Comparison& comparison) {
  for (int line = 0; line < 2; ++line) {
    out << name_cell(line == 1 ? "policy" : "");
    for (const Column& column : columns()) out << padded_left(column.head[line], column.width);
    out << '\n';
  }
  for (const Outcome& outcome : comparison.outcomes) {
    if (outcome.rounds.empty()) continue;
    const RoundFigures figures = medians(outcome.rounds);
    out << name_cell(outcome.policy);
    for (const Column& column : columns()) out << padded_left(column.cell(figures), column.width);
    out << '\n';
  }
}

double median_of(const std::vector<FaultFigures>& times, double (*of)(const FaultFigures&)) {
  std::vector<double> values;
  for (const FaultFigures& figures : times) values.push_back(of(figures));
  return median(std::move(values));
}

// "0.32 / 1.20"; a stopped waiter's own turn after these.
std::string fault_cell(const std::vector<FaultFigures>& times) {
  if (times.empty()) return "-";
  using F = const FaultFigures&;
  std::string cell = rounded(median_of(times, [](F f) { return f.recovery; })) + " / " +
                     rounded(median_of(times, [](F f) { return f.longest_wait; }));
  if (times.front().own_turn) {
    cell += " / " + rounded(median_of(times, [](F f) { return f.own_turn.value_or(0); }));
  }
  return cell;
}

void print_faults(std::ostream& out, const Settings& settings, const Comparison& comparison) {
  const auto has_faults = [](const Outcome& outcome) { return !outcome.faults[0].empty(); };
  if (std::none_of(comparison.outcomes.begin(), comparison.outcomes.end(), has_faults)) return;
  constexpr int kWidth = 24;
  out << "\nRecovery in ms, medians of " << settings.faults
      << ": until the lock was taken again (a waiter's fault: longest time that nobody\n"
         "took it) / until the last of the others had a turn / from SIGCONT to the waiter's own\n"
      << name_cell("policy");
  for (const Fault fault : kFaults) out << padded_left(fault_name(fault), kWidth);
  out << '\n';
  for (const Outcome& outcome : comparison.outcomes) {
    if (!has_faults(outcome)) continue;
    out << name_cell(outcome.policy);
    for (const auto& times : outcome.faults) out << padded_left(fault_cell(times), kWidth);
    out << '\n';
  }
}

const Outcome* find(const Comparison& comparison, const char* policy) {
  for (const Outcome& outcome : comparison.outcomes) {
    if (outcome.policy == policy && !outcome.rounds.empty()) return &outcome;
  }
  return nullptr;
}

std::string times(double ours, double theirs) {
  return theirs > 0 ? with_decimals(ours / theirs, 2) + " times" : "unknown times";
}

void print_words(std::ostream& out, const Comparison& comparison) {
  const Outcome* queue = find(comparison, "queue");
  const Outcome* mutex = find(comparison, "robust-mutex");
  if (queue == nullptr || mutex == nullptr) return;
  const RoundFigures ours = medians(queue->rounds);
  const RoundFigures theirs = medians(mutex->rounds);
  out << "\nqueue against robust-mutex: "
      << times(ours.operations_per_second, theirs.operations_per_second) << " the turns, "
      << times(ours.wait_us.p999, theirs.wait_us.p999) << " its p99.9 and "
      << times(ours.wait_us.max, theirs.wait_us.max) << " its longest wait; "
      << with_decimals(ours.alone_ns - theirs.alone_ns, 1) << " ns more if nobody else wants it\n";
}

void print_verdict(std::ostream& out, const Comparison& comparison) {
  std::uint64_t verified = 0;
  bool exclusive = true;
  for (const Outcome& outcome : comparison.outcomes) {
    verified += outcome.turns_verified;
    for (const std::string& problem : outcome.problems) {
      exclusive = false;
      out << "BROKEN " << outcome.policy << ": " << problem << '\n';
    }
    for (const std::string& accident : outcome.accidents) {
      out << "ACCIDENT " << outcome.policy << ": " << accident << '\n';
    }
    if (!outcome.failure.ok()) {
      out << "FAILED " << outcome.policy << ": " << outcome.failure.to_string() << '\n';
    }
  }
  if (comparison.interrupted) out << "interrupted\n";
  if (exclusive) {
    out << "Mutual exclusion held: " << counted(verified, "turn")
        << " verified, none lost, no two at the same time.\n";
  }
}

}  // namespace

void print_table(std::ostream& out, const Settings& settings, const Comparison& comparison) {
  print_settings(out, settings, comparison);
  print_rounds(out, comparison);
  print_faults(out, settings, comparison);
  print_words(out, comparison);
  print_verdict(out, comparison);
}

}  // namespace tidelock::agent::contend
