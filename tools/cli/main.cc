#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
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

constexpr const char* kWrapperExitCodes =
    "\n\nExit codes: COMMAND's own, or 128 and the signal that ended it; 1, or CODE, if the lock "
    "was\n"
    "not to be had in time; 126 if COMMAND cannot be run, 127 if there is none; else as "
    "sysexits.h:\n"
    "64 wrong usage; 69 no lock possible there; 71 system error; 73 no queue file to be had.";

constexpr const char* kTryHelp = " (--help tells more)";

std::string indent(const char* text) {
  std::string out = "Examples:\n  ";
  for (; *text != '\0'; ++text) out += *text == '\n' ? "\n  " : std::string(1, *text);
  return out;
}

// Ends the session, reports the first thing that went wrong, and yields the exit code. `command`:
// null where none was understood.
int finish(Session& session, const Command* command, const Result<ExitCode>& result) {
  const Status closed = session.close();
  const Status& status = result ? closed : result.error();
  if (status.ok()) return static_cast<int>(*result);
  session.report(status);
  return static_cast<int>(command == nullptr ? exit_code(status.code()) : command->failure(status));
}

int run(const Command& command, const Action& action, Settings settings) {
  settings.open.access = command.access;
  settings.open.label = std::string("tidelock ") + command.name;
  Session session(std::move(settings));
  return finish(session, &command, action(session));
}

// Help and the version are answers; everything else is a mistake.
int explain(const CLI::App& app, const Command* command, const CLI::ParseError& error, bool json) {
  Settings settings;
  settings.json = json;
  Session session(std::move(settings));
  if (error.get_exit_code() != 0) {
    return finish(session, command,
                  Status(StatusCode::kInvalid, error.what() + std::string(kTryHelp)));
  }
  std::ostringstream text;
  app.exit(error, text, text);
  session.print(text.str());
  return finish(session, command, ExitCode::kOk);
}

// Cuts off what stands behind "--" for a command that runs a program: that is the program's, and
// none of it is ours to understand.
std::vector<std::string> cut_program(const Command* command, std::vector<std::string>& words) {
  if (command == nullptr || !command->has(kProgram)) return {};
  const auto end = std::find(words.begin(), words.end(), "--");
  if (end == words.end()) return {};
  std::vector<std::string> program(end + 1, words.end());
  words.erase(end, words.end());
  return program;
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
    sub->footer(indent(command.examples) + (command.has(kProgram) ? kWrapperExitCodes : ""));
    add_settings(*sub, command, settings);
    defined[&command] = {sub, command.define(*sub)};
  }
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  const Command* named = words.empty() ? nullptr : find_command(words[0]);
  const bool json = asks_for_json(words);
  settings.program = cut_program(named, words);
  try {
    if (named == nullptr && !words.empty() && !words[0].starts_with('-')) {
      throw CLI::ExtrasError("there is no command '" + words[0] + "'", CLI::ExitCodes::ExtrasError);
    }
    std::reverse(words.begin(), words.end());  // as CLI11 takes them
    app.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return explain(app, named, error, json);
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
