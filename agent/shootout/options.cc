#include "agent/shootout/options.h"

#include <algorithm>

#include "agent/option_kinds.h"
#include "agent/workload/ycsb.h"

namespace tidelock::agent::shootout {
namespace {

constexpr const char* kExamples =
    R"(Examples:
  tidelock-agent shootout /tmp/shootout               all stores, YCSB a to f, 3 rounds of 5 s
  tidelock-agent shootout /tmp/shootout --stores tidelock,lmdb,sqlite --records 1000000 \
      --processes 8 --seconds 30 --verify=values --html page.html --json all.json
                                                      three of them, each read judged; a page
  tidelock-agent shootout /tmp/shootout -P my.properties --rounds 5
                                                      a workload of one's own
  tidelock-agent shootout /tmp/shootout --workloads a,c -p fieldcount=1 --durability durable
                                                      small records, writes that survive power cuts

Stores of one process run with as many threads. In each round each store gets a new database, is
loaded, and runs its workloads on it in the order a, b, c, f, d, and e on another new one.

Exit codes: the worst of all runs, see run --help; 130 if it was interrupted and all were good.)";

constexpr const char* kRunGroup = "Of each run, as in run --help";

}  // namespace

Command::Command(CLI::App& app)
    : command_(*app.add_subcommand(
          "shootout",
          "Runs the same workloads on several stores, in turn, in several rounds, and compares\n"
          "them: medians, and ratios to Tidelock. Each run is one of the command run, on a\n"
          "database of its own below the directory, which is removed afterwards.")) {
  command_.footer(kExamples);
  add_comparison();
  add_run_options();
  add_output();
}

void Command::add_comparison() {
  const char* group = "Comparison";
  command_.add_option("DIR", settings_.directory, "Where the databases are made; made if need be")
      ->type_name("")
      ->required()
      ->check(CLI::Validator(
          [](const std::string& path) { return path.empty() ? "may not be empty" : ""; }, ""));
  command_.add_option("--stores", stores_, "A list of those that this program was built with")
      ->type_name("LIST")
      ->capture_default_str()
      ->group(group);
  command_.add_option("--workloads", workloads_, "A list of YCSB's core workloads")
      ->type_name("LIST")
      ->capture_default_str()
      ->group(group);
  add_number(command_, "--records", settings_.records, "In the store when a run begins", 1u,
             UINT32_MAX / 2)
      ->group(group);
  add_number(command_, "--processes", settings_.processes,
             "Clients; threads where a store allows but one process", 1u, 4'096u)
      ->group(group);
  add_number(command_, "--seconds", settings_.seconds, "Of each run", 0.01, 1e9)->group(group);
  add_number(command_, "--rounds", settings_.rounds, "Of all runs; medians are shown", 1u, 10'000u)
      ->group(group);
  add_seed(command_, settings_.seed)->group(group);
}

void Command::add_run_options() {
  struct Passed {
    const char *name, *type, *description;
  };
  const auto pass = [this](const Passed& option) {
    const std::string start = std::string(option.name) + "=";
    command_
        .add_option_function<std::string>(
            option.name,
            [this, start](const std::string& word) {
              settings_.run_options.push_back(start + word);
            },
            option.description)
        ->type_name(option.type)
        ->group(kRunGroup);
  };
  for (const auto& [name, type, description] :
       {Passed{"-P", "FILE",
               "A property file of YCSB's core workload: the only one, or, with "
               "--workloads, on top of each"},
        Passed{"-p", "NAME=VALUE", "One such property, on top of each workload"}}) {
    command_
        .add_option_function<std::vector<std::string>>(
            name,
            [this, name = std::string(name)](const std::vector<std::string>& words) {
              for (const std::string& word : words) {
                settings_.run_options.insert(settings_.run_options.end(), {name, word});
              }
            },
            description)
        ->type_name(type)
        ->expected(1)
        ->take_all()
        ->group(kRunGroup);
  }
  for (const Passed& option :
       {Passed{"--value-size", "SIZES", "Bytes of a value [1000]"},
        Passed{"--value-ratio", "N", "What a compressor may leave of it [1]"},
        Passed{"--rate", "RATE", "Of each client; else as fast as it can"},
        Passed{"--durability", "process|durable", "What an acknowledged write survives [process]"},
        Passed{"--wait", "queue|fail-fast",
               "How to wait for other writers [queue, or with --backoff fail-fast]"},
        Passed{"--backoff", "BACKOFF", "Between the attempts of fail-fast [full-jitter]"},
        Passed{"--deadline", "TIME", "Of a write [10s]"},
        Passed{"--latency-sample", "N", "Without --verify: time one of N operations [1]"}}) {
    pass(option);
  }
  command_
      .add_flag("--verify{history}", verify_,
                "Judge what the stores answer: =values, or =history, which is meant if there is no "
                "word; else nothing is judged, which costs least")
      ->group(kRunGroup);
}

void Command::add_output() {
  const char* group = "Output (besides the tables; - is standard output, instead of them)";
  const auto add = [&](const char* name, std::string& file, const char* description) {
    command_.add_option(name, file, description)->type_name("FILE")->group(group);
  };
  add("--json", settings_.json_file, "Everything, as a JSON object");
  add("--html", settings_.html_file, "One page with charts, which needs nothing else");
}

std::string Command::take_stores() {
  std::vector<const StoreKind*>& chosen = settings_.stores;
  for (const std::string& word : CLI::detail::split(stores_, ',')) {
    bool known = false;
    for (const StoreKind& kind : store_kinds()) {
      if (word != "all" && word != kind.name) continue;
      known = true;
      if (std::find(chosen.begin(), chosen.end(), &kind) == chosen.end()) chosen.push_back(&kind);
    }
    if (!known) return "--stores: '" + word + "' is none that this program was built with";
  }
  return {};
}

std::string Command::take_workloads() {
  if (command_.count("-P") != 0 && command_.count("--workloads") == 0) {
    settings_.workloads = {kOwnWorkload};
    if (command_.count("--records") == 0) settings_.records = 0;
    return {};
  }
  for (const std::string& word : CLI::detail::split(workloads_, ',')) {
    if (!ycsb_workload(word)) return "--workloads: '" + word + "' is none of a, b, c, d, e, f";
    std::vector<std::string>& chosen = settings_.workloads;
    const bool known = std::find(chosen.begin(), chosen.end(), word) != chosen.end();
    if (!known) chosen.push_back(word);
  }
  return {};
}

std::string Command::complete() {
  if (std::string complaint = take_stores(); !complaint.empty()) return complaint;
  if (std::string complaint = take_workloads(); !complaint.empty()) return complaint;
  if (settings_.json_file == "-" && settings_.html_file == "-") {
    return "only one of --json and --html can be -";
  }
  settings_.run_options.push_back("--verify=" + verify_);
  if (command_.count("--wait") == 0 && command_.count("--backoff") == 0) {
    settings_.run_options.emplace_back("--wait=queue");
  }
  if (command_.count("--seed") == 0) settings_.seed = random_seed();
  return {};
}

}  // namespace tidelock::agent::shootout
