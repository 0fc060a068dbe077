#include <ostream>

#include "agent/report/page.h"
#include "agent/shootout/bars.h"
#include "agent/shootout/reports.h"

namespace tidelock::agent::shootout {
namespace {

template <typename Of>
GroupedBars bars_of(const Settings& settings, const Comparison& comparison, const Of& of) {
  GroupedBars chart;
  for (const StoreKind* store : settings.stores) {
    chart.series.push_back(std::string(store->name) + ", " + how_run(settings, *store));
  }
  for (const WorkloadOutcome& workload : comparison.workloads) {
    GroupedBars::Group& group = chart.groups.emplace_back();
    group.name = workload.name == kOwnWorkload ? workload.name : "YCSB " + workload.name;
    for (const Outcome& outcome : workload.stores) {
      std::vector<double> values;
      for (const Figures& figures : outcome.rounds) values.push_back(of(figures));
      const Spread spread = spread_of(values);
      group.bars.push_back(values.empty() ? Bar{}
                                          : Bar{spread.median, spread.minimum, spread.maximum});
    }
  }
  return chart;
}

void print_charts(std::ostream& out, const Settings& settings, const Comparison& comparison) {
  GroupedBars rates =
      bars_of(settings, comparison, [](const Figures& figures) { return figures.ops_per_second; });
  rates.title = "Throughput";
  rates.note = "More is better. Medians; strokes from the worst round to the best.";
  rates.unit = "operations/s";
  GroupedBars tails =
      bars_of(settings, comparison, [](const Figures& figures) { return figures.latency_us.p99; });
  tails.title = "Latency, 99th percentile";
  tails.note = "Less is better. A logarithmic scale, which does not begin at 0.";
  tails.unit = "µs";
  tails.logarithmic = true;
  out << "<h2>At a glance</h2>\n<div class=\"charts\">\n"
      << draw(rates) << draw(tails) << "</div>\n";
}

void print_failures(std::ostream& out, const Settings& settings, const Comparison& comparison) {
  for (const WorkloadOutcome& workload : comparison.workloads) {
    for (std::size_t i = 0; i < workload.stores.size(); ++i) {
      for (const std::string& failure : workload.stores[i].failures) {
        out << "<p class=\"verdict bad\">"
            << escaped(std::string(settings.stores[i]->name) + ", workload " + workload.name +
                       ", " + failure)
            << "</p>\n";
      }
    }
  }
  if (comparison.interrupted) out << "<p class=\"verdict\">The shootout was interrupted.</p>\n";
}

void print_row(std::ostream& out, const std::vector<std::string>& row, const char* tag) {
  out << "<tr>";
  for (const std::string& cell : row)
    out << '<' << tag << '>' << escaped(cell) << "</" << tag << '>';
  out << "</tr>\n";
}

}  // namespace

void print_html(std::ostream& out, const Settings& settings, const Comparison& comparison) {
  begin_page(out, "Stores compared");
  for (const std::string& sentence : account_of(settings, comparison)) {
    out << "<p>" << escaped(sentence) << "</p>\n";
  }
  print_failures(out, settings, comparison);
  print_charts(out, settings, comparison);
  for (const WorkloadOutcome& workload : comparison.workloads) {
    out << "<h2>" << escaped(title_of(workload)) << "</h2>\n<div class=\"scroll\"><table>";
    print_row(out, heads("µs"), "th");
    for (std::size_t i = 0; i < settings.stores.size(); ++i) {
      print_row(out, cells(settings, workload, i), "td");
    }
    out << "</table></div>\n";
  }
  end_page(out);
}

}  // namespace tidelock::agent::shootout
