#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>
#include <string_view>

#include "cli/exit_code.h"
#include "cli/session.h"

namespace tidelock::cli {

// What a command does once its arguments are known: an answer, or the error that stopped it.
using Action = std::function<Result<ExitCode>(Session&)>;

// One row of the table that the program, its help, the shell and its completion go by.
struct Command {
  const char* name;
  const char* group;
  const char* summary;
  const char* examples;
  Access access;    // how it opens the database
  bool in_shell;    // also a command of `tidelock shell`
  bool takes_bytes;  // keys or values come or go: the format options make sense
  // Adds its arguments to `app` and yields what to do with them after parsing.
  Action (*define)(CLI::App& app);
};

[[nodiscard]] std::span<const Command> commands();
[[nodiscard]] const Command* find_command(std::string_view name);

// The options that all commands of its kind share, besides what `define` adds: on the command
// line, and on a line of the shell, where the database is open already.
void add_settings(CLI::App& app, const Command& command, Settings& settings);
void add_line_settings(CLI::App& app, const Command& command, Settings& settings);

}  // namespace tidelock::cli
