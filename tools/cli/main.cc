#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <clocale>
#include <map>
#include <sstream>
#include <string>
#include <vector>

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

constexpr const char* kTryHelp = " (--help tells more)";

std::string indent(const char* text) {
  std::string out = "Examples:\n  ";
  for (; *text != '\0'; ++text) out += *text == '\n' ? "\n  " : std::string(1, *text);
  return out;
}

// Ends the session, reports the first thing that went wrong, and yields the exit code.
int finish(Session& session, const Result<ExitCode>& result) {
  const Status closed = session.close();
  const Status& status = result ? closed : result.error();
  if (status.ok()) return static_cast<int>(*result);
  session.report(status);
  return static_cast<int>(exit_code(status.code()));
}

int run(const Command& command, const Action& action, Settings settings) {
  settings.open.access = command.access;
  settings.open.label = std::string("tidelock ") + command.name;
  Session session(std::move(settings));
  return finish(session, action(session));
}

// Help and the version are answers; everything else is a mistake.
int explain(const CLI::App& app, const CLI::ParseError& error, bool json) {
  Settings settings;
  settings.json = json;
  Session session(std::move(settings));
  if (error.get_exit_code() != 0) {
    return finish(session, Status(StatusCode::kInvalid, error.what() + std::string(kTryHelp)));
  }
  std::ostringstream text;
  app.exit(error, text, text);
  session.print(text.str());
  return finish(session, ExitCode::kOk);
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
  const std::vector<std::string> words(argv, argv + argc);
  try {
    if (argc > 1 && argv[1][0] != '-' && find_command(words[1]) == nullptr) {
      throw CLI::ExtrasError("there is no command '" + words[1] + "'", CLI::ExitCodes::ExtrasError);
    }
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return explain(app, error, asks_for_json(words));
  }
  for (const auto& [command, definition] : defined) {
    if (definition.first->parsed()) return run(*command, definition.second, std::move(settings));
  }
  return static_cast<int>(ExitCode::kUsage);
}

// Whoever closed a standard stream gets errors on it: else the first file that is opened, one of
// the database, would take its number, and be written to.
void occupy_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) == -1) {
      (void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
  }
}

// For editing lines in the shell. Where there is no locale, text is UTF-8 all the same.
void set_locale() {
  const char* locale = std::setlocale(LC_CTYPE, "");
  if (locale == nullptr || std::string_view(locale) == "C" || std::string_view(locale) == "POSIX") {
    std::setlocale(LC_CTYPE, "C.UTF-8");
  }
}

}  // namespace
}  // namespace tidelock::cli

int main(int argc, char** argv) {
  tidelock::cli::occupy_standard_streams();
  tidelock::cli::set_locale();
  return tidelock::cli::run_command_line(argc, argv);
}
