#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "cli/exit_code.h"
#include "cli/session.h"

namespace tidelock::cli {

// What a command does once its arguments are known: an answer, or the error that stopped it.
using Action = std::function<Result<ExitCode>(Session&)>;

// What a command deals with: it takes the options that act on that, and no others.
enum Trait : unsigned {
  kInShell = 1,   // it is a command of `tidelock shell` too
  kKeys = 2,      // keys are given or shown: --key-format
  kValues = 4,    // values are given or shown: --value-format
  kShown = 8,     // they are shown: --raw
  kEntries = 16,  // entries are written: --durability
  kAnyLock = 32,  // it looks at a lock, a database's or any other, and opens nothing: DB|FILE
  kProgram = 64   // it runs a program under the lock of a FILE, and exits as sysexits.h says
};

// One row of the table that the program, its help, the shell and its completion go by.
struct Command {
  const char* name;
  const char* group;
  const char* summary;
  const char* examples;
  Access access;    // how it opens the database
  unsigned traits;  // of Trait
  // Adds its arguments to `app` and yields what to do with them after parsing.
  Action (*define)(CLI::App& app);

  [[nodiscard]] bool has(Trait trait) const noexcept { return (traits & trait) != 0; }
  [[nodiscard]] bool opens_database() const noexcept { return !has(kAnyLock) && !has(kProgram); }
  // The program's exit code when it failed so.
  [[nodiscard]] ExitCode failure(const Status& status) const noexcept {
    return has(kProgram) ? wrapper_exit_code(status.code()) : exit_code(status.code());
  }
};

[[nodiscard]] std::span<const Command> commands();
[[nodiscard]] const Command* find_command(std::string_view name);

// The options that all commands of its kind share, besides what `define` adds: on the command
// line, and on a line of the shell, where the database is open already.
void add_settings(CLI::App& app, const Command& command, Settings& settings);
void add_line_settings(CLI::App& app, const Command& command, Settings& settings);

// Whether the words ask for JSON: for errors that come before they are understood.
[[nodiscard]] bool asks_for_json(std::span<const std::string> words);

}  // namespace tidelock::cli
