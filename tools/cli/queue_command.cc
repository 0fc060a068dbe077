#include <unistd.h>

#include <array>
#include <ctime>
#include <filesystem>
#include <memory>
#include <thread>

#include "cli/arguments.h"
#include "cli/definitions.h"
#include "cli/queue_path.h"
#include "cli/queue_text.h"
#include "cli/queue_watch.h"
#include "tidelock/db.h"
#include "tidelock/lock_queue.h"

namespace tidelock::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kIntervalMin{10};

struct QueueArguments {
  bool watch = false;
  milliseconds interval{1'000};
  std::size_t history = 10;
};

// Of a database, if the path is one; else of the file that `tidelock lock` locks by that name; else
// of the queue file itself.
Result<LockInfo> look(const std::string& path) {
  std::error_code unknown;
  if (std::filesystem::is_directory(path, unknown)) {
    auto info = Db::lock_info(path);
    if (info || info.error().code() != StatusCode::kNotFound) return info;
  }
  auto beside = LockQueue::look(queue_path(path));
  if (beside || beside.error().code() != StatusCode::kNotFound) return beside;
  auto itself = LockQueue::look(path);
  if (itself) return itself;
  return Status(StatusCode::kNotFound,
                "queue of " + path + ": no database, and no lock was ever taken on it");
}

std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  struct tm local {};
  ::localtime_r(&now, &local);
  std::array<char, 16> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%H:%M:%S", &local);
  return {text.data(), length};
}

Status print_once(Session& session, const LockInfo& info, std::size_t history) {
  if (session.settings().json) {
    session.print_json(queue_json(info, history));
  } else {
    session.print(queue_text(info, history));
  }
  return session.flush();
}

Result<ExitCode> show_on_terminal(const std::string& path, const QueueArguments& arguments) {
  const auto picture = [&]() -> Result<std::string> {
    const auto info = look(path);
    if (!info) return info.error();
    return printable(path) + "  " + time_of_day() + "  every " + show_time(arguments.interval) +
           ", q quits\n\n" + queue_text(*info, arguments.history);
  };
  if (const Status status = watch(arguments.interval, picture); !status.ok()) return status;
  return ExitCode::kOk;
}

// Into a pipe, or as JSON.
Result<ExitCode> show_in_turn(Session& session, const QueueArguments& arguments) {
  for (;;) {
    const auto info = look(session.settings().path);
    if (!info) return info.error();
    const Status printed = print_once(session, *info, arguments.history);
    if (!printed.ok()) return printed;
    std::this_thread::sleep_for(arguments.interval);
    if (!session.settings().json) session.print("\n");
  }
}

Result<ExitCode> run_queue(Session& session, const QueueArguments& arguments) {
  const Settings& settings = session.settings();
  if (arguments.watch) {
    const bool live = !settings.json && ::isatty(STDOUT_FILENO) != 0;
    return live ? show_on_terminal(settings.path, arguments) : show_in_turn(session, arguments);
  }
  const auto info = look(settings.path);
  if (!info) return info.error();
  const Status printed = print_once(session, *info, arguments.history);
  return printed.ok() ? Result<ExitCode>(ExitCode::kOk) : printed;
}

Result<milliseconds> parse_interval(std::string_view text) {
  const auto interval = parse_seconds(text);
  if (interval && (*interval < kIntervalMin || *interval == Wait::kForEver)) {
    return Status(StatusCode::kInvalid, "'" + std::string(text) + "' is not 0.01 or more");
  }
  return interval;
}

}  // namespace

Action define_queue(CLI::App& app) {
  const auto arguments = std::make_shared<QueueArguments>();
  CLI::Option* watch = app.add_flag("--watch", arguments->watch, "show it live; q quits");
  add_parsed(app, "--interval", arguments->interval, parse_interval,
             "how often --watch looks, in seconds (1)")
      ->type_name("S")
      ->needs(watch);
  app.add_option("--history", arguments->history, "how many of the last hand-overs (10, most 63)")
      ->type_name("N")
      ->check(CLI::Range(0, 63));
  return [arguments](Session& session) { return run_queue(session, *arguments); };
}

}  // namespace tidelock::cli
