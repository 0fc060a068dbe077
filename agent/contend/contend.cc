#include "agent/contend/contend.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "agent/contend/comparison.h"
#include "agent/contend/reports.h"

namespace tidelock::agent::contend {
namespace {

using Print = void (*)(std::ostream&, const Settings&, const Comparison&);

struct Report {
  const std::string& file;
  Print print;
};

// Opened before the run: who cannot write should not let one wait for it. Appending leaves what is
// there as it is until there is something to replace it by.
bool can_write(const std::string& file) {
  if (file.empty() || file == "-") return true;
  if (std::ofstream(file, std::ios::app)) return true;
  std::cerr << "tidelock-agent: write " << file << ": " << std::strerror(errno) << '\n';
  return false;
}

bool write(const Report& report, const Settings& settings, const Comparison& comparison) {
  if (report.file.empty()) return true;
  if (report.file == "-") {
    report.print(std::cout, settings, comparison);
    return true;  // errors of standard output are told at the program's end
  }
  std::ofstream out(report.file);
  if (out) report.print(out, settings, comparison);
  if (out.flush()) return true;
  std::cerr << "tidelock-agent: write " << report.file << ": " << std::strerror(errno) << '\n';
  return false;
}

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
  for (const Report& report : reports) written = write(report, settings, comparison) && written;
  print_errors(comparison);
  const ExitCode code = exit_code(comparison);
  return static_cast<int>(code == ExitCode::kGood && !written ? ExitCode::kIo : code);
}

}  // namespace tidelock::agent::contend
