#include "agent/run.h"

#include <boost/filesystem.hpp>
#include <iostream>
#include <random>
#include <vector>

#include "agent/final_check.h"
#include "agent/progress.h"
#include "agent/report.h"
#include "agent/summary.h"
#include "agent/supervisor.h"

namespace tidelock::agent {
namespace {

namespace fs = boost::filesystem;

// A fresh directory for the journals, outside the database. Removed at the end, unless they are
// evidence of something.
class JournalDirectory {
 public:
  [[nodiscard]] static Result<JournalDirectory> create() {
    boost::system::error_code error;
    fs::path path = fs::temp_directory_path(error) / fs::unique_path("tidelock-agent-%%%%%%%%");
    if (!error) fs::create_directory(path, error);
    if (error) return Status(StatusCode::kIo, "create " + path.string() + ": " + error.message());
    return JournalDirectory(std::move(path));
  }
  JournalDirectory(JournalDirectory&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  JournalDirectory& operator=(JournalDirectory&&) = delete;
  ~JournalDirectory() {
    boost::system::error_code ignored;  // nothing depends on it
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }

  [[nodiscard]] Result<std::vector<Journal>> make_journals(std::uint32_t count) const {
    std::vector<Journal> journals;
    journals.reserve(count);
    for (std::uint32_t writer = 0; writer < count; ++writer) {
      const fs::path file = path_ / ("writer-" + std::to_string(writer) + ".journal");
      Result<Journal> journal = Journal::create(file.string());
      if (!journal) return journal.error();
      journals.push_back(*std::move(journal));
    }
    return journals;
  }
  // The path, which then stays.
  [[nodiscard]] std::string keep() { return std::exchange(path_, fs::path()).string(); }

 private:
  explicit JournalDirectory(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

int fail(const Status& status) {
  std::cerr << "tidelock-agent: " << status.to_string() << '\n';
  return static_cast<int>(exit_code(status));
}

Result<KeySpace> make_keys(const Settings& settings) {
  if (!settings.key_file.empty()) {
    return KeySpace::from_file(settings.key_file, settings.key_count);
  }
  return KeySpace::generated(settings.key_count == 0 ? kKeyCountDefault : settings.key_count);
}

// Runs the clients, and checks what they leave.
Result<Report> emulate(const Run& run) {
  Progress progress;
  RunOutcome outcome;
  {
    Supervisor supervisor(run, progress);
    if (Status status = supervisor.prepare(); !status.ok()) return status;
    outcome = supervisor.run();
  }
  progress.finish();
  const History history = read_history(run.journals, run.keys.count());
  return make_report(run, outcome, history, check_database(run, history));
}

}  // namespace

int run_agent(const Settings& settings) {
  const Result<KeySpace> keys = make_keys(settings);
  if (!keys) return fail(keys.error());
  Result<JournalDirectory> directory = JournalDirectory::create();
  if (!directory) return fail(directory.error());
  Result<std::vector<Journal>> journals = directory->make_journals(settings.writers() + 1);
  if (!journals) return fail(journals.error());
  const Result<RunState> state = RunState::create(
      {.slots = settings.processes, .writers = settings.writers() + 1, .keys = keys->count()});
  if (!state) return fail(state.error());

  const Run run{.settings = settings,
                .keys = *keys,
                .state = *state,
                .journals = *journals,
                .id = std::random_device()()};  // not of the seed: no two runs share it
  const Result<Report> report = emulate(run);
  if (!report) return fail(report.error());
  (settings.json ? print_json : print_summary)(std::cout, run, *report);
  const ExitCode code = exit_code(*report);
  if (code == ExitCode::kLost) {
    std::cerr << "tidelock-agent: the journals are kept in " << directory->keep() << '\n';
  }
  return static_cast<int>(code);
}

}  // namespace tidelock::agent
