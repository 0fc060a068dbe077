#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>

#include "cli/definitions.h"
#include "cli/line_editor.h"
#include "cli/shell_words.h"

namespace tidelock::cli {
namespace {

struct ShellArguments {
  bool read_only = false;
  bool bail = false;
};

using LineSource = std::function<std::optional<std::string>()>;

constexpr std::size_t kCompletedKeysMax = 200;

std::vector<std::string> keys_with_prefix(Db& db, std::string_view prefix) {
  std::vector<std::string> keys;
  IterateOptions options;
  options.prefix = prefix;
  auto iterator = db.iterate(options);
  if (!iterator) return keys;
  for (iterator->next(); iterator->valid() && keys.size() < kCompletedKeysMax; iterator->next()) {
    keys.emplace_back(iterator->key());
  }
  return keys;
}

LineSource terminal_lines(Session& session, Db& db) {
  const auto name = std::filesystem::path(session.settings().path).filename().string();
  const auto editor = std::make_shared<LineEditor>(
      escape(name) + "> ", [&db](std::string_view prefix) { return keys_with_prefix(db, prefix); });
  return [editor] { return editor->read_line(); };
}

std::optional<std::string> piped_line() {
  std::string line;
  if (!std::getline(std::cin, line)) return std::nullopt;
  return line;
}

Result<ExitCode> print_help(Session& session) {
  std::string text;
  for (const Command& command : commands()) {
    if (!command.has(kInShell)) continue;
    std::string name = command.name;
    name.resize(9, ' ');
    text += name + command.summary + "\n";
  }
  text +=
      "help     Show this; COMMAND --help tells more\n"
      "quit     Leave, as the end of the input does\n"
      "Words stand between blanks; 'quotes', \"quotes\" and \\t \\n \\\\ \\xHH keep odd bytes.\n";
  session.print(text);
  return ExitCode::kOk;
}

// Parses the words behind the command's name; nullopt if that was all (--help).
Result<std::optional<Action>> parse_line(const Command& command, Session& session,
                                         std::vector<std::string> words) {
  CLI::App app(command.summary, command.name);
  add_line_settings(app, command, session.settings());
  Action action = command.define(app);
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  words.pop_back();
  try {
    app.parse(words);
  } catch (const CLI::CallForHelp&) {
    session.print(app.help());
    return std::optional<Action>();
  } catch (const CLI::ParseError& error) {
    return Status(StatusCode::kInvalid, error.what());
  }
  return std::optional(std::move(action));
}

Result<ExitCode> run_words(Session& session, const std::vector<std::string>& words) {
  if (words.front() == "help") return print_help(session);
  const Command* command = find_command(words.front());
  if (command == nullptr || !command->has(kInShell)) {
    return Status(StatusCode::kInvalid, "there is no command '" + words.front() + "' (try help)");
  }
  const auto action = parse_line(*command, session, words);
  if (!action) return action.error();
  return action->has_value() ? (**action)(session) : ExitCode::kOk;
}

// One command, its error reported; what it sets holds for it alone.
ExitCode run_command(Session& session, const std::vector<std::string>& words) {
  const Settings outer = session.settings();
  if (asks_for_json(words)) session.settings().json = true;
  const Result<ExitCode> result = run_words(session, words);
  if (!result) session.report(result.error());
  session.settings() = outer;
  return result ? *result : exit_code(result.error().code());
}

// Runs all lines; yields the highest exit code, for a script to look at.
ExitCode run_lines(Session& session, const LineSource& next, const ShellArguments& arguments,
                   bool interactive) {
  ExitCode worst = ExitCode::kOk;
  std::uint64_t number = 0;
  while (const auto line = next()) {
    ++number;
    if (!interactive) session.set_place("line " + std::to_string(number));
    const auto words = split_words(*line);
    ExitCode code = ExitCode::kOk;
    if (!words) {
      session.report(words.error());
      code = exit_code(words.error().code());
    } else if (!words->empty()) {
      if (words->front() == "quit" || words->front() == "exit") break;
      code = run_command(session, *words);
    }
    worst = std::max(worst, code);
    if (arguments.bail && code != ExitCode::kOk) break;
    if (!session.flush().ok()) break;  // nobody hears the answers
  }
  session.set_place("");
  return worst;
}

Result<ExitCode> run_shell(Session& session, const ShellArguments& arguments) {
  if (arguments.read_only) session.settings().open.access = Access::kReadOnly;
  session.settings().in_shell = true;
  auto db = session.db();
  if (!db) return db.error();
  std::cin.tie(nullptr);  // it would flush behind our back, and forget that it failed
  if (::isatty(STDIN_FILENO) == 0) return run_lines(session, piped_line, arguments, false);
  run_lines(session, terminal_lines(session, **db), arguments, true);
  return ExitCode::kOk;
}

}  // namespace

Action define_shell(CLI::App& app) {
  const auto arguments = std::make_shared<ShellArguments>();
  app.add_flag("--read-only", arguments->read_only, "needs only read permission");
  app.add_flag("--bail", arguments->bail, "stop at the first command that fails");
  return [arguments](Session& session) { return run_shell(session, *arguments); };
}

}  // namespace tidelock::cli
