#include <algorithm>

#include "agent/shootout/reports.h"
#include "agent/words.h"

namespace tidelock::agent::shootout {
namespace {

std::string or_dash(const std::optional<double>& value, double unit = 1) {
  return value ? rounded(*value / unit) : "-";
}

std::string verdict(const WorkloadOutcome& workload, const Outcome& outcome) {
  if (!outcome.failures.empty()) return "FAILED";
  return workload.verify == "none" ? "no" : workload.verify;
}

}  // namespace

std::string how_writers_wait(const Settings& settings, const StoreKind& store) {
  const std::vector<std::string>& words = settings.run_options;
  const bool queue = std::find(words.begin(), words.end(), "--wait=queue") != words.end();
  return queue || !store.fails_fast ? store.queue : "by trying again";
}

std::vector<std::string> heads(const std::string& us) {
  return {"store",        "run by",       "writers wait", "ops/s",
          "min",          "max",          "ratio",        "p50 " + us,
          "p99 " + us,    "p99.9 " + us,  "max " + us,    "CPU " + us + "/op",
          "written/byte", "dirtied/byte", "MB of memory", "MB on disk",
          "Jain",         "verified"};
}

std::vector<std::string> cells(const Settings& settings, const WorkloadOutcome& workload,
                               std::size_t store) {
  const Outcome& outcome = workload.stores[store];
  const StoreKind& kind = *settings.stores[store];
  std::vector<std::string> row{kind.name, how_run(settings, kind),
                               how_writers_wait(settings, kind)};
  if (outcome.rounds.empty()) {
    row.resize(heads().size() - 1, "-");
    row.push_back(outcome.failures.empty() ? "not run" : "FAILED");
    return row;
  }
  const Figures figures = medians(outcome.rounds);
  const Spread rates = throughput(outcome);
  const auto factor = ratio(outcome, workload.stores[settings.yardstick()]);
  for (const double value : {rates.median, rates.minimum, rates.maximum}) {
    row.push_back(rounded(value));
  }
  row.push_back(factor ? with_decimals(*factor, 2) : "-");
  const Percentiles& us = figures.latency_us;
  for (const double value : {us.p50, us.p99, us.p999, us.max}) row.push_back(rounded(value));
  row.push_back(or_dash(figures.cpu_us_per_operation));
  row.push_back(or_dash(figures.called_per_byte));
  row.push_back(or_dash(figures.dirtied_per_byte));
  row.push_back(or_dash(figures.memory_bytes, 1e6));
  row.push_back(or_dash(figures.disk_bytes, 1e6));
  row.push_back(with_decimals(figures.jain, 3));
  row.push_back(verdict(workload, outcome));
  return row;
}

std::string title_of(const WorkloadOutcome& workload) {
  const std::string name =
      workload.name == kOwnWorkload ? "Of the property files" : "YCSB " + workload.name;
  return workload.mix.empty() ? name : name + ": " + workload.mix;
}

std::vector<std::string> account_of(const Settings& settings, const Comparison& comparison) {
  const Machine& machine = comparison.machine;
  std::string options, versions;
  for (const std::string& word : settings.run_options) options += " " + word;
  for (const StoreKind* store : settings.stores) {
    versions += (versions.empty() ? "" : ", ") + std::string(store->name) + " " + store->version();
  }
  const std::string records = settings.records == 0 ? "as many records as the properties say"
                                                    : counted(settings.records, "record");
  return {
      counted(settings.rounds, "round") + " of " + with_decimals(settings.seconds, 2) +
          " s for each store and workload, in turn; " + records + ", " +
          counted(settings.processes, "client") + "; medians, ratios to " +
          settings.stores[settings.yardstick()]->name + "; seed " + std::to_string(settings.seed) +
          ".",
      "Each run with:" + options + ".",
      "written/byte, dirtied/byte: bytes in write calls, and in dirtied pages of files, per byte "
      "of keys and values; memory: of all clients, the agent's own part included.",
      "Stores: " + versions + ".",
      machine.cpu + ", " + counted(machine.cpus, "CPU") + ", " + machine.kernel + ", " +
          machine.file_system + "."};
}

}  // namespace tidelock::agent::shootout
