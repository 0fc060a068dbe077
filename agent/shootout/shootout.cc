#include "agent/shootout/shootout.h"

#include <iostream>

#include "agent/options.h"
#include "agent/report/file_output.h"
#include "agent/shootout/comparison.h"
#include "agent/shootout/measurement.h"
#include "agent/shootout/reports.h"

namespace tidelock::agent::shootout {
namespace {

// Would the command `run` take these options for every store? It says itself if it would not.
bool all_would_run(const Settings& settings) {
  for (const StoreKind* store : settings.stores) {
    const std::vector<std::string> words =
        command_line(settings, {.store = *store,
                                .workload = settings.workloads.front(),
                                .directory = settings.directory,
                                .load = true});
    std::vector<const char*> arguments;
    for (const std::string& word : words) arguments.push_back(word.c_str());
    const Request request =
        parse_command_line(static_cast<int>(arguments.size()), arguments.data());
    if (std::holds_alternative<int>(request)) return false;
  }
  return true;
}

}  // namespace

int run_shootout(const Settings& settings) {
  if (!all_would_run(settings)) return static_cast<int>(ExitCode::kUsage);
  if (!can_write(settings.json_file) || !can_write(settings.html_file)) {
    return static_cast<int>(ExitCode::kIo);
  }
  const Result<Comparison> comparison = compare(settings);
  if (!comparison) {
    std::cerr << "tidelock-agent: " << comparison.error().to_string() << '\n';
    return static_cast<int>(exit_code(comparison.error()));
  }
  const auto printed_by = [&](const auto& print) {
    return [&](std::ostream& out) { print(out, settings, *comparison); };
  };
  if (settings.json_file != "-" && settings.html_file != "-") {
    print_tables(std::cout, settings, *comparison);
  }
  const bool json = write_to(settings.json_file, printed_by(print_json));
  const bool html = write_to(settings.html_file, printed_by(print_html));
  const ExitCode code = comparison->exit_code;
  return static_cast<int>(json && html ? code : worse(code, ExitCode::kIo));
}

}  // namespace tidelock::agent::shootout
