#include "agent/options.h"

#include <iostream>

#include "agent/compaction/options.h"
#include "agent/compare_options.h"
#include "agent/contend/options.h"
#include "agent/generate_options.h"
#include "agent/help.h"
#include "agent/names.h"
#include "agent/option_kinds.h"
#include "agent/option_needs.h"
#include "agent/report.h"
#include "agent/shootout/options.h"
#include "agent/store_choice.h"
#include "agent/workload_options.h"
#include "tidelock/version.h"

namespace tidelock::agent {
namespace {

constexpr const char* kExitCodes =
    R"(Exit codes: 0 nothing lost, 1 lost or contradicted, 2 usage, 3 busy, 4 damage,
5 I/O or space, 6 a client died by itself or did not end, 7 less fair than --fairness-limit,
130 a shootout or contend was interrupted. A run that was interrupted is judged by what it did.)";

constexpr const char* kProgramExamples = R"(Examples:
  tidelock-agent run /tmp/db                          four clients for ten seconds
  tidelock-agent run /tmp/db --processes 16 --kill-every 50 --html page.html
                                                      sixteen, one of them killed every 50 ms;
                                                      a page of charts
  tidelock-agent compare a.json b.json                what two runs printed with --json
  tidelock-agent shootout /tmp/s --stores tidelock,lmdb
                                                      the workloads of YCSB on two stores
  tidelock-agent compaction /tmp/c                    what compaction costs and gains
  tidelock-agent generate 1000000 --output users.tsv  example data, for tidelock load
  tidelock-agent contend --policies queue,robust-mutex
                                                      two ways to share a lock

tidelock-agent COMMAND --help says the rest.
)";

constexpr const char* kRunExamples = R"(Examples: what clients do
  tidelock-agent run /tmp/db                          reads and writes, for ten seconds
  tidelock-agent run /tmp/db --workload a --processes 8
                                                      YCSB A, eight clients
  tidelock-agent run /tmp/db --mix get=90,put=8,scan=2 --keys zipfian --key-file words --preload
                                                      a mix of one's own, over the lines of a file
  tidelock-agent run /tmp/db --rate 0-5000:30,max:5,0:5
                                                      an open loop: a ramp, a burst, a pause
  tidelock-agent run /tmp/db --replay trace.tsv       what an earlier run did with --record
Examples: what befalls them
  tidelock-agent run /tmp/db --kill-every 50 --aim-percent 50 --churn 300
                                                      killed, half of the time as lock holders
  tidelock-agent run /tmp/db --stop-every 2s --stop-for 500ms
                                                      stopped for a while
Examples: how they wait, and where
  tidelock-agent run /tmp/db --wait queue             in the lock's queue
  tidelock-agent run /tmp/db --backoff decorrelated-jitter --backoff-cap 10ms
                                                      by trying again
  tidelock-agent run /tmp/db --store sqlite           on another store
Examples: what is shown
  tidelock-agent run /tmp/db --html page.html --csv intervals.csv
                                                      charts, and what they are made of
  tidelock-agent run /tmp/db --verify=none --latency-sample 16 --json > a.json
                                                      no more bookkeeping than is needed
)";

constexpr std::uint64_t kIntervalMinMs = 10;

// Options that need more than a place to be stored in.
struct Raw {
  Jitter jitter = Backoff::Jitter::kFull;
  std::uint64_t backoff_base_us = 100;
  std::uint64_t backoff_cap_us = 100'000;
  std::uint64_t kill_every_ms = 0;
  std::uint64_t stop_every_ms = 0, stop_for_ms = 500, hold_view_ms = 0, slow_think_ms = 100;
  std::string verify;
};

// As that of tidelock(1).
CLI::Option* add_deadline(CLI::App& app, std::chrono::milliseconds& deadline) {
  const auto set = [&deadline](std::string_view word) {
    static const Units kUnits{{"", 1}, {"ms", 1}, {"s", 1'000}, {"m", 60'000}};
    const auto time = parse_time(word, kUnits);
    deadline = time ? std::chrono::milliseconds(*time) : Wait::kForEver;
    return time.has_value() || word == "forever";
  };
  return add_time(app, "--deadline", set, "250ms, 10s, 2m, forever",
                  "Of a write, in ms or with a unit, or forever [10s]");
}

void add_clients(CLI::App& app, Settings& settings, Raw& raw) {
  const char* group = "Clients";
  add_number(app, "--processes", settings.processes, "Client processes", 1u, kWritersMax)
      ->group(group);
  add_number(app, "--threads", settings.threads, "Threads of each client", 1u, kWritersMax)
      ->group(group);
  CLI::Option* seconds =
      add_number(app, "--seconds", settings.seconds, "How long to run", 0.0, 1e9)->group(group);
  add_number(app, "--ops", settings.operations, "Operations in all, instead of a time",
             std::uint64_t{1})
      ->excludes(seconds)
      ->default_str("")
      ->group(group);
  add_number(app, "--kill-every", raw.kill_every_ms,
             "Every N ms kill a random client with SIGKILL, and start another; 0: never",
             std::uint64_t{0}, kTimeMax)
      ->group(group);
  add_number(app, "--spare", settings.spared,
             "So many clients are not killed alone, and so may come to wait for long", 0u)
      ->group(group);
  add_number(app, "--kill-all-every", settings.kill_all_every,
             "Every Nth time kill all clients at once; 0: never", 0u)
      ->group(group);
  app.add_flag("--lose-state", settings.lose_state,
               "Every second of these times remove the shared state, as if after a reboot")
      ->group(group);
  add_number(app, "--aim-percent", settings.aim_percent,
             "Of the kills: of the client that holds the writer lock, if there is one", 0u, 100u)
      ->group(group);
  add_number(app, "--churn", settings.churn_every,
             "Every N operations or so flush, compact, reopen or fork; 0: never", 0u)
      ->group(group);
  add_milliseconds(app, "--stop-every", raw.stop_every_ms,
                   "Stop a random client this often (SIGSTOP), and let it go on; 0: never [0]")
      ->group(group);
  add_milliseconds(app, "--stop-for", raw.stop_for_ms, "For so long [500ms]")->group(group);
  add_number(app, "--visit-ops", settings.visit_operations,
             "A client opens the database, does so many operations and leaves, and another comes; "
             "0: they stay",
             std::uint64_t{0})
      ->group(group);
  add_number(app, "--readers", settings.readers, "So many of the clients only read", 0u)
      ->group(group);
  add_milliseconds(app, "--hold-view", raw.hold_view_ms,
                   "Keep a view of the store for so long (see view in --mix); 0: a few reads [0]")
      ->group(group);
  add_number(app, "--slow", settings.slow, "So many of the clients are slow: they sleep", 0u)
      ->group(group);
  add_milliseconds(app, "--slow-think", raw.slow_think_ms, "between operations, for [100ms]")
      ->group(group);
  add_size(app, "--disk-size", settings.disk_size,
           "Run on a file system in memory of this size, which is mounted over the directory and "
           "becomes twice as large at half time; needs root")
      ->group(group);
  add_seed(app, settings.seed)->group(group);
}

void add_store(CLI::App& app, Settings& settings) {
  const char* group = "Store";
  add_number(app, "--memtable-size", settings.memtable_size,
             "Bytes before a flush, if the database is made; 0: as the library says",
             std::size_t{0})
      ->group(group);
  add_choice(app, "--durability", settings.durability, kDurabilityNames,
             "What an acknowledged write survives [process]")
      ->group(group);
}

void add_waiting(CLI::App& app, Settings& settings, Raw& raw) {
  const char* group = "Waiting for the writer lock";
  add_choice(app, "--wait", settings.wait, kWaitNames,
             "Wait in the queue, or be told and try again [fail-fast]")
      ->group(group);
  add_choice(app, "--handover", settings.handover, kHandoverNames,
             "May others overtake a waiter that is waking up? [bounded]")
      ->group(group);
  add_choice(app, "--backoff", raw.jitter, kBackoffNames,
             "Delay between the attempts of fail-fast [full-jitter]")
      ->group(group);
  add_backoff(app, "--backoff-base", raw.backoff_base_us,
              "First delay, in us or with a unit [100us]")
      ->group(group);
  add_backoff(app, "--backoff-cap", raw.backoff_cap_us,
              "Longest delay, in us or with a unit [100ms]")
      ->group(group);
  add_number(app, "--tries", settings.tries, "Attempts of a write; 0: until the deadline", 0u)
      ->group(group);
  add_deadline(app, settings.deadline)->group(group);
}

void add_output(CLI::App& app, Settings& settings, Raw& raw) {
  const char* group = "Output";
  app.add_flag(
         "--verify{history}", raw.verify,
         "Look at what the store answers: =none, =values (each read at once, all that was "
         "acknowledged in the end), or =history (all reads together, too); without it values, "
         "but history with any of --kill-every, --stop-every, --disk-size, --churn and "
         "--visit-ops")
      ->group(group);
  add_number(app, "--fairness-limit", settings.fairness_limit,
             "The run fails if the median of Jain's indices of what its threads got done in each "
             "100 ms is below",
             0.0, 1.0)
      ->group(group);
  add_number(app, "--latency-sample", settings.latency_sample,
             "With --verify=none: time one of N operations", 1u)
      ->group(group);
  const auto set_interval = [&settings](std::string_view word) {
    static const Units kUnits{{"", 1}, {"ms", 1}, {"s", 1'000}, {"m", 60'000}};
    const auto time = parse_time(word, kUnits);
    if (time && *time >= kIntervalMinMs) settings.interval = std::chrono::milliseconds(*time);
    return settings.interval.has_value();
  };
  add_time(app, "--interval", set_interval, "10ms or more, as 500ms, 1s, 1m",
           "How often to measure what the clients do; if given, a line for each of them, else one "
           "of five [1s]")
      ->group(group);
  const char* files = "Output to files (- is standard output, instead of the summary)";
  app.add_flag("--json", settings.json, "Print the report as JSON")->group(group);
  const auto add_file = [&](const char* name, std::string& file, const char* description) {
    app.add_option(name, file, description)->type_name("FILE")->group(files);
  };
  add_file("--csv", settings.csv_file, "One line an interval");
  add_file("--html", settings.html_file, "One page with charts, which needs nothing else");
}

// Does anything befall the clients but each other?
bool is_rough(const Settings& settings) {
  return settings.kill_every.count() != 0 || settings.stop_every.count() != 0 ||
         settings.disk_size != 0 || settings.churn_every != 0 || settings.visit_operations != 0;
}

// Combines what the parser could only look at one by one; the result is a complaint.
std::string complete(Settings& settings, const Raw& raw, bool seeded) {
  using std::chrono::microseconds;
  using std::chrono::milliseconds;
  if (std::uint64_t{settings.processes} * settings.threads > kWritersMax) {
    return "--processes times --threads is at most " + std::to_string(kWritersMax);
  }
  if (raw.backoff_cap_us < raw.backoff_base_us) return "--backoff-cap is below --backoff-base";
  if (settings.churn_every != 0 && settings.threads != 1) return "--churn needs --threads 1";
  settings.backoff.reset();
  if (raw.jitter) {
    settings.backoff = Backoff{.jitter = *raw.jitter,
                               .base = microseconds(raw.backoff_base_us),
                               .cap = microseconds(raw.backoff_cap_us)};
  }
  settings.kill_every = milliseconds(raw.kill_every_ms);
  settings.stop_every = milliseconds(raw.stop_every_ms);
  settings.stop_for = milliseconds(raw.stop_for_ms);
  settings.hold_view = milliseconds(raw.hold_view_ms);
  settings.slow_think = milliseconds(raw.slow_think_ms);
  for (const auto& [option, clients] : {std::pair{"--readers", settings.readers},
                                        {"--slow", settings.slow},
                                        {"--spare", settings.spared}}) {
    if (clients > settings.processes && settings.replay.empty()) {
      return std::string(option) + ": there are not so many clients";
    }
  }
  if (raw.verify.empty()) {
    settings.verify = is_rough(settings) ? Verify::kHistory : Verify::kValues;
  } else if (const auto verify = value_of(kVerifyNames, raw.verify)) {
    settings.verify = *verify;
  } else {
    return "--verify is none, values or history, not '" + raw.verify + "'";
  }
  if (settings.latency_sample != 1 && settings.verify != Verify::kNone) {
    return "--latency-sample needs --verify=none";
  }
  if (settings.json + (settings.csv_file == "-") + (settings.html_file == "-") > 1) {
    return "only one of --json, --csv - and --html - can be printed";
  }
  if (!seeded) settings.seed = random_seed();
  return {};
}

int usage_error(const std::string& complaint) {
  std::cerr << "tidelock-agent: " << complaint << "\nRun with --help for more information.\n";
  return static_cast<int>(ExitCode::kUsage);
}

// The settings of one of the commands beside `run`, if it is the one; or 2 if it has said why not.
template <typename Command>
bool take(Command& command, std::optional<Request>& request) {
  if (!command.asked_for()) return false;
  const std::string complaint = command.complete();
  request = complaint.empty() ? Request(command.settings()) : Request(usage_error(complaint));
  return true;
}

}  // namespace

Request parse_command_line(int argc, const char* const* argv) {
  Settings settings;
  Raw raw;
  CLI::App app("Emulates the clients of a Tidelock database, and of its lock.", "tidelock-agent");
  app.set_version_flag("--version", std::string("tidelock-agent ") + version());
  app.require_subcommand(1);
  app.formatter(std::make_shared<Help>());
  app.footer(std::string(kProgramExamples) + kExitCodes);
  CLI::App& run = *app.add_subcommand(
      "run",
      "Runs clients, each a process, on one database directory, which is made if it is not there.\n"
      "They read, write and erase; some may be killed on the way. In the end everything that was\n"
      "acknowledged is looked for.");
  run.footer(std::string(kRunExamples) + kExitCodes);
  run.add_option("DB", settings.directory, "The database's directory")
      ->type_name("")
      ->required()
      ->check(CLI::Validator(
          [](const std::string& path) { return path.empty() ? "may not be empty" : ""; }, ""));
  add_clients(run, settings, raw);
  WorkloadOptions workload(run, settings);
  add_store_choice(run, settings);
  add_store(run, settings);
  add_waiting(run, settings, raw);
  add_output(run, settings, raw);
  contend::Command contend(app);
  CompareCommand compare(app);
  shootout::Command shootout(app);
  compaction::Command compaction(app);
  GenerateCommand generate(app);
  try {
    const std::vector<const char*> words = CompareCommand::keep_divisions(argc, argv);
    app.parse(argc, words.data());
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    return usage_error(error.what());
  }
  std::optional<Request> other;
  if (take(compare, other) || take(contend, other) || take(shootout, other) ||
      take(compaction, other) || take(generate, other)) {
    return *std::move(other);
  }
  std::string complaint = workload.complete();
  if (complaint.empty()) complaint = fit_to_store(run, settings);
  if (complaint.empty()) complaint = workload.take_pace();
  if (complaint.empty()) complaint = complete(settings, raw, run.count("--seed") != 0);
  if (complaint.empty()) complaint = missing_need(run, settings);
  if (!complaint.empty()) return usage_error(complaint);
  return settings;
}

}  // namespace tidelock::agent
