#include <memory>

#include "cli/arguments.h"
#include "cli/definitions.h"
#include "cli/load_jobs.h"
#include "cli/loader.h"
#include "cli/progress.h"

namespace tidelock::cli {
namespace {

constexpr std::uint32_t kJobsMax = 256;

struct LoadArguments {
  std::string file;
  std::optional<RecordFormat> format;
  std::uint32_t jobs = 1;
  std::uint32_t batch = 256;
};

LoadOutcome load_here(Session& session, const LoadPlan& plan, InputBlocks& input,
                      Progress& progress) {
  auto db = session.db();
  if (!db) return {0, db.error()};
  Loader loader(**db, plan);
  for (std::uint64_t done = 0;;) {
    const auto block = input.next();
    if (!block) return {loader.stored(), block.error()};
    if (!block->has_value()) return {loader.stored(), Status()};
    if (Status status = loader.store(**block); !status.ok()) return {loader.stored(), status};
    progress.update(done += (*block)->bytes.size());
  }
}

void print_summary(Session& session, const LoadArguments& arguments, std::uint64_t stored,
                   std::chrono::nanoseconds time) {
  const double seconds = std::chrono::duration<double>(time).count();
  if (session.settings().json) {
    session.print_json(
        Json{{"entries", stored}, {"seconds", seconds}, {"processes", arguments.jobs}});
    return;
  }
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(stored) / seconds);
  session.print(
      "stored " + show_entries(stored) + " in " + show_seconds(time) + " (" + show_count(rate) +
      "/s) by " +
      (arguments.jobs == 1 ? "one process" : std::to_string(arguments.jobs) + " processes") + "\n");
}

Result<ExitCode> run_load(Session& session, const LoadArguments& arguments) {
  if (session.settings().in_shell && (arguments.jobs > 1 || arguments.file == "-")) {
    return Status(StatusCode::kInvalid, "in the shell, load takes a file and one process");
  }
  auto input = InputBlocks::open(arguments.file);
  if (!input) return input.error();
  const LoadPlan plan{
      arguments.format.value_or(format_of(arguments.file).value_or(RecordFormat::kLines)),
      arguments.batch, input->name(), session.write_options()};
  LoadOutcome outcome;
  std::chrono::nanoseconds time{};
  {
    Progress progress("loading " + input->name(), Progress::Unit::kBytes, input->total_bytes());
    outcome = arguments.jobs == 1
                  ? load_here(session, plan, *input, progress)
                  : load_in_jobs(session.settings(), plan, arguments.jobs, *input, progress);
    time = progress.elapsed();
  }
  if (outcome.status.ok() || outcome.stored > 0) {
    print_summary(session, arguments, outcome.stored, time);
  }
  if (!outcome.status.ok()) return outcome.status;
  return ExitCode::kOk;
}

}  // namespace

Action define_load(CLI::App& app) {
  const auto arguments = std::make_shared<LoadArguments>();
  app.add_option("FILE", arguments->file, "what to read; - is standard input")
      ->required()
      ->check(not_empty());
  add_choice(app, "--format", arguments->format, record_formats(),
             "what a line holds (by the file's name, else lines)");
  app.add_option("--jobs", arguments->jobs,
                 "so many processes at once (1); equal keys then "
                 "come in any order")
      ->type_name("N")
      ->check(CLI::Range(1u, kJobsMax));
  app.add_option("--batch", arguments->batch, "entries written together (256)")
      ->type_name("N")
      ->check(CLI::Range(1u, 1u << 20));
  return [arguments](Session& session) { return run_load(session, *arguments); };
}

}  // namespace tidelock::cli
