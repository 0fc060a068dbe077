#include <algorithm>
#include <iomanip>
#include <ostream>

#include "agent/shootout/reports.h"

namespace tidelock::agent::shootout {
namespace {

using Row = std::vector<std::string>;

void print_row(std::ostream& out, const Row& row, const std::vector<std::size_t>& widths) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    const bool name = i < kColumnsOfWords;
    out << (i == 0 ? "" : "  ") << (name ? std::left : std::right)
        << std::setw(static_cast<int>(widths[i])) << row[i];
  }
  out << '\n';
}

void print_table(std::ostream& out, const Settings& settings, const WorkloadOutcome& workload) {
  std::vector<Row> rows{heads()};
  for (std::size_t i = 0; i < settings.stores.size(); ++i) {
    rows.push_back(cells(settings, workload, i));
  }
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  out << '\n' << title_of(workload) << '\n';
  for (const Row& row : rows) print_row(out, row, widths);
  for (std::size_t i = 0; i < settings.stores.size(); ++i) {
    for (const std::string& failure : workload.stores[i].failures) {
      out << "  " << settings.stores[i]->name << ", " << failure << '\n';
    }
  }
}

}  // namespace

void print_tables(std::ostream& out, const Settings& settings, const Comparison& comparison) {
  for (const std::string& sentence : account_of(settings, comparison)) out << sentence << '\n';
  for (const WorkloadOutcome& workload : comparison.workloads) {
    print_table(out, settings, workload);
  }
  if (comparison.interrupted) out << "\nInterrupted.\n";
}

}  // namespace tidelock::agent::shootout
