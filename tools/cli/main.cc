#include <CLI/CLI.hpp>
#include <clocale>
#include <cstdio>
#include <map>
#include <string>

#include "cli/command.h"
#include "tidelock/version.h"

namespace tidelock::cli {
namespace {

constexpr const char* kAbout =
    "tidelock: look at and change an ordered key-value database that many processes share";
constexpr const char* kExitCodes =
    "Exit codes: 0 done; 1 not found; 2 wrong usage or input; 3 busy or timed out; 4 damage\n"
    "found; 5 input, output, space or permission. Keys that begin with a dash go behind --.\n"
    "tidelock COMMAND --help tells more; so does tidelock(1).";

std::string indent(const char* text) {
  std::string out = "Examples:\n  ";
  for (; *text != '\0'; ++text) out += *text == '\n' ? "\n  " : std::string(1, *text);
  return out;
}

int run(const Command& command, const Action& action, Settings settings) {
  settings.open.access = command.access;
  settings.open.label = std::string("tidelock ") + command.name;
  Session session(std::move(settings));
  const Result<ExitCode> result = action(session);
  const Status closed = session.close();
  if (!result) report(result.error(), session.settings());
  if (!closed.ok()) report(closed, session.settings());
  if (!result) return static_cast<int>(exit_code(result.error().code()));
  if (!closed.ok()) return static_cast<int>(exit_code(closed.code()));
  return static_cast<int>(*result);
}

int run_command_line(int argc, char** argv) {
  CLI::App app(kAbout, "tidelock");
  app.set_version_flag("--version", std::string("tidelock ") + version());
  app.require_subcommand(1);
  app.footer(kExitCodes);
  Settings settings;
  std::map<const Command*, std::pair<CLI::App*, Action>> defined;
  for (const Command& command : commands()) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    sub->group(command.group);
    sub->footer(indent(command.examples));
    add_settings(*sub, command, settings);
    defined[&command] = {sub, command.define(*sub)};
  }
  if (argc > 1 && argv[1][0] != '-' && find_command(argv[1]) == nullptr) {
    std::fprintf(stderr, "tidelock: there is no command '%s' (try --help)\n", argv[1]);
    return static_cast<int>(ExitCode::kUsage);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  for (const auto& [command, definition] : defined) {
    if (definition.first->parsed()) return run(*command, definition.second, std::move(settings));
  }
  return static_cast<int>(ExitCode::kUsage);
}

}  // namespace
}  // namespace tidelock::cli

int main(int argc, char** argv) {
  std::setlocale(LC_CTYPE, "");  // for editing lines in the shell
  return tidelock::cli::run_command_line(argc, argv);
}
