#pragma once

#include "cli/command.h"

// The commands, by file. Each adds its arguments to `app` and yields its action.
namespace tidelock::cli {

// entry_commands.cc: one key
[[nodiscard]] Action define_get(CLI::App& app);
[[nodiscard]] Action define_put(CLI::App& app);
[[nodiscard]] Action define_del(CLI::App& app);
[[nodiscard]] Action define_exists(CLI::App& app);

// range_commands.cc: keys in order
[[nodiscard]] Action define_scan(CLI::App& app);
[[nodiscard]] Action define_min(CLI::App& app);
[[nodiscard]] Action define_max(CLI::App& app);
[[nodiscard]] Action define_above(CLI::App& app);
[[nodiscard]] Action define_below(CLI::App& app);
[[nodiscard]] Action define_count(CLI::App& app);

// load_command.cc, dump_command.cc: whole files
[[nodiscard]] Action define_load(CLI::App& app);
[[nodiscard]] Action define_dump(CLI::App& app);

// database_commands.cc: the database itself
[[nodiscard]] Action define_create(CLI::App& app);
[[nodiscard]] Action define_stats(CLI::App& app);
[[nodiscard]] Action define_check(CLI::App& app);
[[nodiscard]] Action define_compact(CLI::App& app);

// repair_command.cc: what is left of a damaged one
[[nodiscard]] Action define_repair(CLI::App& app);

// lock_command.cc, queue_command.cc: any lock
[[nodiscard]] Action define_lock(CLI::App& app);
[[nodiscard]] Action define_queue(CLI::App& app);

// shell.cc
[[nodiscard]] Action define_shell(CLI::App& app);

}  // namespace tidelock::cli
