#include "agent/run.h"

#include <sys/resource.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "agent/final_check.h"
#include "agent/progress.h"
#include "agent/report.h"
#include "agent/report/file_output.h"
#include "agent/summary.h"
#include "agent/supervisor.h"

namespace tidelock::agent {
namespace {

std::string temporary_directory() {
  const char* named = std::getenv("TMPDIR");
  return named != nullptr && *named != '\0' ? named : "/tmp";
}

bool is_new(const std::string& directory) {
  std::error_code error;
  const bool there = std::filesystem::exists(directory, error);
  return !error && (!there || (std::filesystem::is_empty(directory, error) && !error));
}

// The files that clients write beside the database: one of a kind for each writer, and of two kinds
// one for the preload.
struct Files {
  std::vector<Journal> journals;
  std::vector<ReadLog> reads;
  std::vector<TraceLog> traces;
};

template <typename File>
Status make_files(std::size_t count, std::size_t reserved, std::vector<File>& files) {
  files.reserve(count);
  while (files.size() < count) {
    Result<File> file = File::create(temporary_directory(), reserved);
    if (!file) {
      const std::string message = file.error().message();
      return {file.error().code(), message + " (" + std::to_string(files.size()) + " of " +
                                       std::to_string(count) +
                                       " are there; see --processes, --threads, --verify)"};
    }
    files.push_back(*std::move(file));
  }
  return {};
}

// What is usual is not enough for thousands of them.
void have_descriptors_for(std::size_t files) {
  constexpr std::size_t kOthers = 1'000;
  ::rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= files + kOthers) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<Files> make_all_files(const Settings& settings) {
  const std::size_t writers = settings.writers();
  const std::size_t journals = settings.verify == Verify::kNone ? 0 : writers + 1;
  const std::size_t reads = settings.verify == Verify::kHistory ? writers + 1 : 0;
  const std::size_t traces = settings.record.empty() ? 0 : writers;
  const std::size_t all = journals + reads + traces;
  const std::size_t reserved = EntryFile::reserved_by_each(all);
  have_descriptors_for(all);
  Files files;
  Status status = make_files(journals, reserved, files.journals);
  if (status.ok()) status = make_files(reads, reserved, files.reads);
  if (status.ok()) status = make_files(traces, reserved, files.traces);
  if (!status.ok()) return status;
  return files;
}

// Journals and read logs are evidence: they get a place and names. The result is the directory.
Result<std::string> keep(std::span<const Journal> journals, std::span<const ReadLog> reads) {
  std::string directory = temporary_directory() + "/tidelock-agent-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) {
    return Status(StatusCode::kIo, "create " + directory + ": " + std::strerror(errno));
  }
  for (std::size_t writer = 0; writer < journals.size(); ++writer) {
    const std::string file = directory + "/writer-" + std::to_string(writer) + ".journal";
    if (Status status = journals[writer].save(file); !status.ok()) return status;
  }
  for (std::size_t reader = 0; reader < reads.size(); ++reader) {
    const std::string file = directory + "/reader-" + std::to_string(reader) + ".readings";
    if (Status status = reads[reader].save(file); !status.ok()) return status;
  }
  return directory;
}

// Before anything is printed, which may fail.
void keep_evidence(const Run& run) {
  const Result<std::string> directory = keep(run.journals, run.reads);
  std::cerr << "tidelock-agent: "
            << (directory ? "the journals are kept in " + *directory
                          : "the journals are lost: " + directory.error().to_string())
            << '\n';
}

int fail(const Status& status) {
  std::cerr << "tidelock-agent: " << status.to_string() << '\n';
  return static_cast<int>(exit_code(status));
}

// What is replayed says who does how much, to which keys; values have the sizes that it says.
Result<std::optional<Trace>> read_trace(Settings& settings) {
  if (settings.replay.empty()) return std::optional<Trace>();
  Result<Trace> trace = Trace::read(settings.replay);
  if (!trace) return trace.error();
  const auto clients = static_cast<std::uint32_t>(trace->clients.size());
  settings.processes = settings.store->many_processes ? clients : 1;
  settings.threads = settings.store->many_processes ? 1 : clients;
  settings.operations = 0;
  for (const auto& client : trace->clients) settings.operations += client.size();
  settings.workload.values.any_size = true;
  settings.insert_room = 0;
  return std::optional<Trace>(*std::move(trace));
}

Result<KeySpace> make_keys(const Settings& settings, const std::optional<Trace>& trace) {
  if (trace) return KeySpace::from_names(trace->keys);
  const Workload& workload = settings.workload;
  if (!settings.key_file.empty()) {
    return KeySpace::from_file(settings.key_file, workload.key_count);
  }
  const std::uint32_t count = workload.key_count == 0 ? kKeyCountDefault : workload.key_count;
  return KeySpace::generated(count + settings.insert_room, workload.key_names,
                             workload.key_name_digits);
}

// Runs the clients, and checks what they leave.
Result<Report> emulate(const Run& run) {
  constexpr std::uint64_t kFewLines = 5'000'000'000;  // ns between two
  Progress progress(run.settings.interval ? run.settings.interval_ns() : kFewLines);
  RunOutcome outcome;
  const Settings& settings = run.settings;
  std::optional<SmallDisk> disk;  // outlives the check
  if (settings.disk_size != 0) {
    Result<SmallDisk> mounted = SmallDisk::mount(settings.directory, settings.disk_size);
    if (!mounted) return mounted.error();
    disk.emplace(*std::move(mounted));
  }
  {
    Supervisor supervisor(run, disk ? &*disk : nullptr, progress);
    if (Status status = supervisor.prepare(); !status.ok()) return status;
    outcome = supervisor.run();
  }
  progress.finish();
  if (disk) {
    if (Status status = disk->grow(4 * settings.disk_size); !status.ok()) return status;
  }
  const History history = read_history(run.journals, run.keys.count());
  FinalCheck check;
  if (run.settings.verify != Verify::kNone) check = check_database(run, history);
  Report report = make_report(run, outcome, history, std::move(check));
  if (run.settings.verify == Verify::kHistory) {
    report.verification = history::verify(run.journals, run.reads, run.keys.count());
  }
  return report;
}

// The summary goes to standard output, unless another report does.
bool print_reports(const Run& run, const Report& report) {
  const Settings& settings = run.settings;
  const auto print = [&](const std::string& file, auto* reporter) {
    return write_to(file, [&](std::ostream& out) { reporter(out, run, report); });
  };
  if (settings.json) {
    print_json(std::cout, run, report);
  } else if (settings.csv_file != "-" && settings.html_file != "-") {
    print_summary(std::cout, run, report);
  }
  const bool written = print(settings.csv_file, print_csv);
  return print(settings.html_file, print_html) && written;
}

}  // namespace

int run_agent(Settings settings) {
  for (const std::string& file : {settings.csv_file, settings.html_file, settings.record}) {
    if (!can_write(file)) return static_cast<int>(ExitCode::kIo);
  }
  const Result<std::optional<Trace>> trace = read_trace(settings);
  if (!trace) return fail(trace.error());
  const Result<KeySpace> keys = make_keys(settings, *trace);
  if (!keys) return fail(keys.error());
  const std::uint32_t first_keys = keys->count() - settings.insert_room;
  if (const auto& weights = settings.workload.keys.weights;
      weights && weights->size() != first_keys) {
    return fail(Status(StatusCode::kInvalid, "--key-weights: " + std::to_string(weights->size()) +
                                                 " weights for " + std::to_string(first_keys) +
                                                 " keys"));
  }
  const std::uint32_t writers = settings.writers() + 1;  // and the preload
  Result<Files> files = make_all_files(settings);
  if (!files) return fail(files.error());
  const std::vector<std::uint32_t> key_order = keys->in_byte_order();
  std::vector<std::uint32_t> key_places(key_order.size());
  for (std::uint32_t place = 0; place < key_order.size(); ++place) {
    key_places[key_order[place]] = place;
  }
  const Result<RunState> state =
      RunState::create({.slots = settings.processes, .writers = writers, .keys = keys->count()});
  if (!state) return fail(state.error());
  state->population().set(first_keys);

  const Run run{.settings = settings,
                .keys = *keys,
                .key_order = key_order,
                .key_places = key_places,
                .state = *state,
                .journals = files->journals,
                .reads = files->reads,
                .recorded = files->traces,
                .trace = *trace ? &**trace : nullptr,
                .made = settings.disk_size != 0 || is_new(settings.directory),
                .id = std::random_device()()};  // not of the seed: no two runs share it
  const Result<Report> report = emulate(run);
  if (!report) return fail(report.error());
  const ExitCode code = exit_code(*report);
  if (code == ExitCode::kLost) keep_evidence(run);
  bool written = print_reports(run, *report);
  if (!settings.record.empty()) {
    written = write_to(settings.record,
                       [&](std::ostream& out) { write_trace(out, files->traces, *keys); }) &&
              written;
  }
  const bool replaced = settings.json || settings.csv_file == "-" || settings.html_file == "-";
  if (code != ExitCode::kGood && replaced) print_findings(std::cerr, run, *report);
  return static_cast<int>(code == ExitCode::kGood && !written ? ExitCode::kIo : code);
}

}  // namespace tidelock::agent
