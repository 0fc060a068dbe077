#include "agent/contend/options.h"

#include <algorithm>

#include "agent/option_kinds.h"

namespace tidelock::agent::contend {
namespace {

constexpr const char* kExamples =
    R"(Policies: queue, strict, fail-fast-off, fail-fast-exponential, fail-fast-full-jitter,
fail-fast-equal-jitter, fail-fast-decorrelated-jitter, fcntl, flock, robust-mutex, sqlite-busy;
fail-fast stands for those that begin so, all for every one.

Examples:
  tidelock-agent contend                              all policies, 16 processes, no think time
  tidelock-agent contend --policies queue,robust-mutex --rounds 5 --think-us 20
                                                      two of them, 20 us between two turns
  tidelock-agent contend --processes 1 --faults 0     what the lock costs if nobody else wants it
  tidelock-agent contend --html contend.html --json contend.json --csv contend.csv
                                                      a page of charts, and files for programs

Exit codes: 0 mutual exclusion held, 1 it was broken, 2 usage, 3 nobody got the lock for 20 s,
5 I/O or space, 6 a process died by itself or did not end, 130 it was interrupted.)";

constexpr std::uint64_t kRestMaxUs = 10'000'000;

// Those that a word of the list stands for; none if it is no such word.
std::vector<Policy> policies_of(const std::string& word) {
  std::vector<Policy> policies;
  for (const auto& [name, policy] : kPolicyNames) {
    const bool fail_fast = word == "fail-fast" && name.starts_with("fail-fast-");
    if (word == name || word == "all" || fail_fast) policies.push_back(policy);
  }
  return policies;
}

}  // namespace

Command::Command(CLI::App& app)
    : command_(*app.add_subcommand(
          "contend",
          "Lets processes contend for one lock, under one policy after the other, and compares\n"
          "throughput, waits, fairness, and what the death or the stop of a process costs the\n"
          "others. Verifies that never two were inside at the same time.")) {
  command_.footer(kExamples);
  add_workload();
  add_output();
}

void Command::add_workload() {
  const char* group = "Contention";
  add_number(command_, "--processes", settings_.processes, "Processes on the lock", 1u,
             kProcessesMax)
      ->group(group);
  add_number(command_, "--critical-ns", settings_.critical_ns,
             "How long each holds the lock, verification included", 0u, 1'000'000'000u)
      ->group(group);
  add_number(command_, "--think-us", settings_.think_us,
             "Busy with other things between two turns, on average", 0u, 1'000'000u)
      ->group(group);
  add_number(command_, "--seconds", settings_.seconds, "Of a round", 0.01, 86'400.0)->group(group);
  add_number(command_, "--rounds", settings_.rounds,
             "Of each policy, alternating; medians are shown", 1u, 10'000u)
      ->group(group);
  add_number(command_, "--faults", settings_.faults,
             "Of each kind, for each policy: holder and waiter killed, and stopped", 0u, 10'000u)
      ->group(group);
  command_.add_option("--policies", policies_, "A list, see below")
      ->type_name("LIST")
      ->capture_default_str()
      ->group(group);
  add_backoff(command_, "--backoff-base", backoff_base_us_,
              "First delay of fail-fast, in us or with a unit [100us]")
      ->group(group);
  add_backoff(command_, "--backoff-cap", backoff_cap_us_,
              "Longest delay, in us or with a unit [100ms]")
      ->group(group);
  command_.add_option("--directory", settings_.directory, "For the lock files [TMPDIR or /tmp]")
      ->type_name("DIR")
      ->group(group);
  add_seed(command_, settings_.seed)->group(group);
}

void Command::add_output() {
  const char* group = "Output (besides the table; - is standard output, instead of it)";
  const auto add = [&](const char* name, std::string& file, const char* description) {
    command_.add_option(name, file, description)->type_name("FILE")->group(group);
  };
  add("--json", settings_.json_file, "Everything, as a JSON object");
  add("--csv", settings_.csv_file, "Everything, one figure of one round a line");
  add("--html", settings_.html_file, "One page with charts, which needs nothing else");
}

std::string Command::complete() {
  settings_.policies.clear();
  for (const std::string& word : CLI::detail::split(policies_, ',')) {
    const std::vector<Policy> meant = policies_of(word);
    if (meant.empty()) return "--policies: '" + word + "' is none of them, see --help";
    for (const Policy policy : meant) {
      std::vector<Policy>& chosen = settings_.policies;
      const bool known = std::find(chosen.begin(), chosen.end(), policy) != chosen.end();
      if (!known) chosen.push_back(policy);
    }
  }
  if (settings_.policies.empty()) return "--policies: names none";
  if (backoff_cap_us_ < backoff_base_us_) return "--backoff-cap is below --backoff-base";
  // So that whoever sleeps or waits when a round ends still comes to its end in good time.
  if (backoff_cap_us_ > kRestMaxUs) return "--backoff-cap is at most 10s here";
  if (std::uint64_t{settings_.processes} * settings_.critical_ns > kRestMaxUs * 1'000) {
    return "--processes times --critical-ns is at most 10 s";
  }
  settings_.backoff = Backoff{.base = std::chrono::microseconds(backoff_base_us_),
                              .cap = std::chrono::microseconds(backoff_cap_us_)};
  const auto to_output = [](const std::string& file) { return file == "-"; };
  if (to_output(settings_.json_file) + to_output(settings_.csv_file) +
          to_output(settings_.html_file) >
      1) {
    return "only one of --json, --csv and --html can be -";
  }
  if (command_.count("--seed") == 0) settings_.seed = random_seed();
  return {};
}

}  // namespace tidelock::agent::contend
