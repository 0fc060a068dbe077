#include <memory>

#include "cli/arguments.h"
#include "cli/definitions.h"
#include "cli/repair_text.h"

namespace tidelock::cli {
namespace {

Result<ExitCode> run_repair(Session& session, const std::string& into) {
  const Settings& settings = session.settings();
  Options options;
  options.allow_unsafe_file_system = settings.open.allow_unsafe_file_system;
  const auto report = Db::repair(settings.path, into, options);
  if (!report) return report.error();
  if (settings.json) {
    session.print_json(repair_json(*report));
  } else {
    session.print(repair_text(*report));
  }
  return report->complete() ? ExitCode::kOk : ExitCode::kDamage;
}

}  // namespace

Action define_repair(CLI::App& app) {
  const auto into = std::make_shared<std::string>();
  app.add_option("NEW", *into, "the directory for the new database")
      ->required()
      ->check(not_empty());
  return [into](Session& session) { return run_repair(session, *into); };
}

}  // namespace tidelock::cli
