#include "agent/contend/contend.h"

#include <iostream>

#include "agent/contend/comparison.h"
#include "agent/contend/reports.h"
#include "agent/report/file_output.h"

namespace tidelock::agent::contend {
namespace {

using Print = void (*)(std::ostream&, const Settings&, const Comparison&);

struct Report {
  const std::string& file;
  Print print;
};

void print_errors(const Comparison& comparison) {
  for (const Outcome& outcome : comparison.outcomes) {
    const std::string start = "tidelock-agent: " + outcome.policy + ": ";
    for (const std::string& problem : outcome.problems) std::cerr << start << problem << '\n';
    for (const std::string& accident : outcome.accidents) std::cerr << start << accident << '\n';
    if (!outcome.failure.ok()) std::cerr << start << outcome.failure.to_string() << '\n';
  }
}

}  // namespace

int run_contend(const Settings& settings) {
  const Report reports[] = {{settings.json_file, print_json},
                            {settings.csv_file, print_csv},
                            {settings.html_file, print_html}};
  bool table = true;
  for (const Report& report : reports) {
    if (!can_write(report.file)) return static_cast<int>(ExitCode::kIo);
    table = table && report.file != "-";
  }
  std::vector<Entrant> entrants;
  for (const Policy policy : settings.policies) {
    entrants.push_back({name_of(kPolicyNames, policy), factory_of(policy)});
  }
  Progress progress;
  const Comparison comparison = compare(settings, entrants, progress);
  progress.finish();
  if (table) print_table(std::cout, settings, comparison);
  bool written = true;
  for (const Report& report : reports) {
    const auto print = [&](std::ostream& out) { report.print(out, settings, comparison); };
    written = write_to(report.file, print) && written;
  }
  print_errors(comparison);
  const ExitCode code = exit_code(comparison);
  return static_cast<int>(written ? code : worse(code, ExitCode::kIo));
}

}  // namespace tidelock::agent::contend
