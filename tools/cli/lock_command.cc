#include <unistd.h>

#include <filesystem>
#include <memory>

#include "cli/arguments.h"
#include "cli/definitions.h"
#include "cli/program.h"
#include "cli/queue_path.h"
#include "tidelock/lock_queue.h"

namespace tidelock::cli {
namespace {

constexpr ExitCode kCannotRun{126};
constexpr ExitCode kNoSuchProgram{127};

struct LockArguments {
  std::optional<std::chrono::milliseconds> timeout;
  bool nonblock = false;
  std::optional<std::string> label;
  std::uint8_t conflict_code = 1;
  bool close = false;
  bool strict = false;

  [[nodiscard]] Wait wait() const {
    return {.policy = nonblock ? Wait::Policy::kFailFast : Wait::Policy::kQueue,
            .deadline = timeout.value_or(Wait::kForEver)};
  }
};

ExitCode report(Session& session, const Status& status, ExitCode code) {
  session.report(status);
  return code;
}

// The program runs with a descriptor that keeps the lock for as long as it runs, should we be
// killed. If we are not, the lock ends with the program.
Result<ExitCode> run_holding(Session& session, const LockQueue& queue, bool pass_on) {
  int descriptor = -1;
  if (pass_on) {
    const Result<int> copy = queue.inheritable_descriptor();
    if (!copy) return copy.error();
    descriptor = *copy;
  }
  const Result<int> code = run_program(session.settings().program);
  if (descriptor >= 0) ::close(descriptor);
  if (code) return ExitCode{static_cast<std::uint8_t>(*code)};
  switch (code.error().code()) {
    case StatusCode::kNotFound:
      return report(session, code.error(), kNoSuchProgram);
    case StatusCode::kPermission:
      return report(session, code.error(), kCannotRun);
    default:
      return Status(StatusCode::kIo, code.error().message());
  }
}

Result<ExitCode> run_lock(Session& session, const LockArguments& arguments) {
  const Settings& settings = session.settings();
  if (settings.program.empty()) {
    return Status(StatusCode::kInvalid, "there is no COMMAND behind --");
  }
  LockQueueOptions options;
  options.handover = arguments.strict ? Handover::kStrict : Handover::kBounded;
  options.label =
      arguments.label.value_or(std::filesystem::path(settings.program.front()).filename().string());
  auto queue = LockQueue::open(queue_path(settings.path), options);
  if (!queue) return queue.error();
  auto guard = queue->acquire(arguments.wait());
  if (!guard) {
    if (guard.error().busy() == nullptr) return guard.error();
    return report(session, guard.error(), ExitCode{arguments.conflict_code});
  }
  // Whether its death left anything half done is for the program to know.
  if (guard->inconsistent()) guard->mark_consistent();
  return run_holding(session, *queue, !arguments.close);
}

}  // namespace

Action define_lock(CLI::App& app) {
  const auto arguments = std::make_shared<LockArguments>();
  constexpr const char* kGroup = "Waiting";
  CLI::Option* timeout = add_parsed(app, "-w,--timeout", arguments->timeout, parse_seconds,
                                    "how long to wait, in seconds (for ever)");
  timeout->type_name("S")->group(kGroup);
  app.add_flag("-n,--nonblock", arguments->nonblock, "do not wait at all")
      ->group(kGroup)
      ->excludes(timeout);
  app.add_option("-E,--conflict-exit-code", arguments->conflict_code,
                 "exit code if the lock was not to be had in time (1)")
      ->type_name("CODE")
      ->check(CLI::Range(0, 255))
      ->group(kGroup);
  app.add_flag("--strict", arguments->strict, "never let others pass while one's turn comes")
      ->group(kGroup);
  app.add_option("--label", arguments->label, "what others are shown (COMMAND's name)")
      ->type_name("TEXT");
  app.add_flag("-o,--close", arguments->close,
               "COMMAND does not keep the lock if this process is killed");
  return [arguments](Session& session) { return run_lock(session, *arguments); };
}

}  // namespace tidelock::cli
