#include <algorithm>
#include <ostream>
#include <sstream>

#include "agent/report/chart.h"
#include "agent/report/line_chart.h"
#include "agent/report/page.h"
#include "agent/summary.h"
#include "agent/words.h"

namespace tidelock::agent {
namespace {

constexpr std::size_t kClientsShown = 64;

// The summary's own words, line by line.
void print_words(std::ostream& out, const char* element_class, const std::string& words) {
  std::istringstream lines(words);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) {
      out << "<p class=\"" << element_class << "\">" << escaped(line) << "</p>\n";
    }
  }
}

std::string one_line(std::string words) {
  std::ranges::replace(words, '\n', ' ');
  return words;
}

void print_row(std::ostream& out, std::string_view name, std::uint64_t count, double seconds,
               const Percentiles& us) {
  out << "<tr><td>" << name << "</td><td>" << grouped(count) << "</td><td>"
      << rounded(static_cast<double>(count) / seconds) << "</td>";
  for (const double value : {us.p50, us.p99, us.p999, us.max}) {
    out << "<td>" << rounded(value) << "</td>";
  }
  out << "</tr>\n";
}

void print_table(std::ostream& out, const Report& report) {
  const double seconds = report.seconds > 0 ? report.seconds : 1;
  out << "<h2>Latency</h2>\n<div class=\"scroll\"><table><tr><th>operation</th><th>count</th>"
         "<th>per second</th><th>p50 µs</th><th>p99 µs</th><th>p99.9 µs</th><th>max µs</th></tr>\n";
  for (std::size_t i = 0; i < kActions; ++i) {
    const ActionFigures& figures = report.actions[i];
    if (figures.count != 0) {
      print_row(out, kActionNames[i], figures.count, seconds, figures.latency_us);
    }
  }
  print_row(out, "all", report.operations, seconds, report.latency_us);
  out << "</table></div>\n";
}

void print_all_settings(std::ostream& out, const Run& run) {
  out << "<h2>Settings</h2>\n<div "
         "class=\"scroll\"><table><tr><th>setting</th><th>value</th></tr>\n";
  for (const auto& [name, value] : settings_in_words(run)) {
    out << "<tr><td>" << name << "</td><td>" << escaped(value) << "</td></tr>\n";
  }
  out << "</table></div>\n";
}

using I = const Interval&;

// A last one that is short says little: what the clients took to end falls into it, too.
std::span<const Interval> shown(const Report& report) {
  const std::size_t whole = report.whole_intervals;
  return std::span(report.intervals).first(whole != 0 ? whole : report.intervals.size());
}

// `of`: negative if the interval does not tell.
LineChart over_time(const Report& report, std::string title, std::string unit) {
  LineChart chart{.title = std::move(title),
                  .unit = std::move(unit),
                  .x_unit = "s",
                  .marks = report.kills_at_s};
  for (I interval : shown(report)) chart.x.push_back(interval.end_s);
  return chart;
}

template <typename Of>
void add_line(LineChart& chart, const Report& report, std::string name, Of of) {
  Line line{.name = std::move(name), .values = {}};
  for (I interval : shown(report)) line.values.push_back(of(interval));
  const bool any =
      std::any_of(line.values.begin(), line.values.end(), [](double value) { return value > 0; });
  if (any || chart.lines.empty()) chart.lines.push_back(std::move(line));
}

LineChart throughput(const Report& report) {
  LineChart chart = over_time(report, "Throughput", "operations a second");
  for (std::size_t action = 0; action < kActions; ++action) {
    if (report.actions[action].count == 0) continue;
    add_line(chart, report, std::string(kActionNames[action]),
             [&](I interval) { return interval.per_second(interval.actions[action]); });
  }
  return chart;
}

LineChart latency(const Report& report) {
  LineChart chart = over_time(report, "Latency", "µs");
  chart.logarithmic = true;
  add_line(chart, report, "p50", [](I interval) { return interval.latency_us.p50; });
  add_line(chart, report, "p99", [](I interval) { return interval.latency_us.p99; });
  add_line(chart, report, "max", [](I interval) { return interval.latency_us.max; });
  return chart;
}

LineChart retries(const Report& report) {
  LineChart chart = over_time(report, "Retries", "a second");
  chart.note = "Attempts at a write after its first.";
  add_line(chart, report, "retries",
           [](I interval) { return interval.per_second(interval.retries); });
  return chart;
}

LineChart fairness(const Report& report) {
  LineChart chart = over_time(report, "Fairness", "Jain index of the clients");
  chart.reach = 1;
  chart.note = "1: all did the same number of operations.";
  add_line(chart, report, "Jain index", [](I interval) { return interval.jain; });
  return chart;
}

LineChart machine_bytes(const Report& report) {
  constexpr double kMebibyte = 1 << 20;
  const auto mebibytes = [](const std::optional<std::uint64_t>& bytes) {
    return bytes ? static_cast<double>(*bytes) / kMebibyte : -1;
  };
  LineChart chart = over_time(report, "Memory and disk", "MiB");
  chart.note = "Memory of all clients, what they share counted once.";
  add_line(chart, report, "memory", [&](I interval) { return mebibytes(interval.memory_bytes); });
  add_line(chart, report, "on disk",
           [&](I interval) { return mebibytes(interval.directory_bytes); });
  return chart;
}

LineChart cpu(const Report& report) {
  LineChart chart = over_time(report, "CPU", "CPUs in use by the clients");
  add_line(chart, report, "CPUs", [](I interval) {
    return interval.seconds > 0 ? interval.cpu_s / interval.seconds : -1;
  });
  return chart;
}

// The share of operations that took longer shrinks by ten with each step to the right.
LineChart latency_curve(const Report& report) {
  LineChart chart{.title = "Latency by percentile",
                  .note = "Each step to the right leaves out nine tenths of the slower ones.",
                  .unit = "µs",
                  .x_unit = "",
                  .logarithmic = true};
  std::size_t places = 0;
  for (std::size_t action = 0; action < kActions; ++action) {
    const std::vector<double>& curve = report.actions[action].curve_us;
    if (curve.empty()) continue;
    places = std::max(places, curve.size());
    chart.lines.push_back({.name = std::string(kActionNames[action]), .values = curve});
  }
  for (std::size_t i = 0; i < places; ++i) {
    chart.x.push_back(static_cast<double>(i) / kCurveStepsPerNine);
  }
  std::string text = "0 %";
  for (int nines = 0; nines <= 12; ++nines) {
    if (nines == 1) text = "90 %";
    if (nines == 2) text = "99 %";
    if (nines == 3) text = "99.9 %";
    if (nines > 3) text.insert(text.size() - 2, "9");
    chart.x_ticks.emplace_back(nines, text);
  }
  return chart;
}

Chart clients(const Report& report, const char* title, const char* note, const char* unit,
              double (*of)(const ClientFigures&)) {
  Chart chart{.title = title, .note = note, .unit = unit, .series = {title}, .rows = {}};
  for (std::size_t i = 0; i < std::min(report.clients.size(), kClientsShown); ++i) {
    chart.rows.push_back(
        {.name = "client " + std::to_string(i), .values = {of(report.clients[i])}, .spread = {}});
  }
  if (report.clients.size() > kClientsShown) {
    chart.note += " The first " + std::to_string(kClientsShown) + " of " +
                  std::to_string(report.clients.size()) + " clients.";
  }
  return chart;
}

}  // namespace

void print_html(std::ostream& out, const Run& run, const Report& report) {
  begin_page(out, run.settings.store->name + std::string(" under load"));
  std::ostringstream settings, findings, words;
  print_settings(settings, run.settings);
  print_words(out, "settings", one_line(settings.str()));
  print_findings(findings, run, report);
  print_words(out, "verdict bad", findings.str());
  print_conclusion(words, run, report);
  print_words(out, "verdict", words.str());
  print_table(out, report);
  out << "<h2>Over time</h2>\n<div class=\"charts\">\n";
  out << draw(throughput(report)) << draw(latency(report));
  if (report.retries != 0) out << draw(retries(report));
  out << draw(fairness(report)) << draw(cpu(report)) << draw(machine_bytes(report));
  out << "</div>\n<h2>How long it takes</h2>\n<div class=\"charts\">\n"
      << draw(latency_curve(report)) << "</div>\n<h2>Clients</h2>\n<div class=\"charts\">\n"
      << draw(clients(report, "Operations", "of each client, its successors included.", "",
                      [](const ClientFigures& c) { return static_cast<double>(c.operations); }))
      << draw(clients(report, "Longest gap", "between two operations that came to a good end.",
                      "ms", [](const ClientFigures& c) { return c.longest_gap_ms; }))
      << "</div>\n<h2>Figures</h2>\n";
  std::ostringstream measured;
  print_measures(measured, run, report);
  print_words(out, "measure", measured.str());
  print_all_settings(out, run);
  end_page(out);
}

}  // namespace tidelock::agent
