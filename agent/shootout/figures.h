#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/report.h"

namespace tidelock::agent::shootout {

// What one run showed, or the medians of several.
struct Figures {
  double ops_per_second = 0;
  Percentiles latency_us{};
  double jain = 1;
  // Where the run tells. Bytes written per byte of keys and values: in calls, in dirtied pages.
  std::optional<double> cpu_us_per_operation{}, disk_bytes{}, memory_bytes{};
  std::optional<double> called_per_byte{}, dirtied_per_byte{};
};

// One run of the command `run`.
struct Measurement {
  std::optional<Figures> figures;  // nullopt: it did not come to a good end
  std::string mix, verify;         // as the run understood them
  ExitCode exit_code = ExitCode::kGood;
  std::string message;  // what it said if it did not
};

// A store's runs of one workload.
struct Outcome {
  std::vector<Figures> rounds;  // those that came to a good end
  std::vector<std::string> failures;
};

// All runs of one workload.
struct WorkloadOutcome {
  std::string name;  // "a"
  std::string mix, verify;
  std::vector<Outcome> stores;  // as the settings list them
};

struct Machine {
  std::string cpu, kernel, file_system;
  unsigned cpus = 0;
};

struct Comparison {
  Machine machine;
  std::vector<WorkloadOutcome> workloads;  // as the settings list them
  ExitCode exit_code = ExitCode::kGood;    // the worst
  bool interrupted = false;
};

// Precondition: there are some.
[[nodiscard]] Figures medians(const std::vector<Figures>& rounds);
[[nodiscard]] Spread throughput(const Outcome& outcome);
[[nodiscard]] std::optional<double> ratio(const Outcome& outcome, const Outcome& yardstick);

}  // namespace tidelock::agent::shootout
