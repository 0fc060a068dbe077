#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/shootout/reports.h"

namespace tidelock::agent::shootout {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

Json to_json(const Figures& figures) {
  const Percentiles& us = figures.latency_us;
  return {{"ops_per_second", figures.ops_per_second},
          {"latency_us", {{"p50", us.p50}, {"p99", us.p99}, {"p999", us.p999}, {"max", us.max}}},
          {"cpu_us_per_operation", or_null(figures.cpu_us_per_operation)},
          {"disk_bytes", or_null(figures.disk_bytes)},
          {"memory_peak_bytes", or_null(figures.memory_bytes)},
          {"call_bytes_per_user_byte", or_null(figures.called_per_byte)},
          {"storage_bytes_per_user_byte", or_null(figures.dirtied_per_byte)},
          {"jain", figures.jain}};
}

Json to_json(const Settings& settings, const WorkloadOutcome& workload) {
  Json stores = Json::array();
  for (std::size_t i = 0; i < settings.stores.size(); ++i) {
    const StoreKind& kind = *settings.stores[i];
    const Outcome& outcome = workload.stores[i];
    Json rounds = Json::array();
    for (const Figures& figures : outcome.rounds) rounds.push_back(to_json(figures));
    stores.push_back(
        {{"store", kind.name},
         {"processes", kind.many_processes ? settings.processes : 1},
         {"writers_wait", how_writers_wait(settings, kind)},
         {"threads", kind.many_processes ? 1 : settings.processes},
         {"medians", outcome.rounds.empty() ? Json() : to_json(medians(outcome.rounds))},
         {"ratio", or_null(ratio(outcome, workload.stores[settings.yardstick()]))},
         {"rounds", std::move(rounds)},
         {"failures", outcome.failures}});
  }
  return {{"workload", workload.name},
          {"mix", workload.mix},
          {"verify", workload.verify},
          {"stores", std::move(stores)}};
}

}  // namespace

void print_json(std::ostream& out, const Settings& settings, const Comparison& comparison) {
  Json versions = Json::object(), workloads = Json::array();
  for (const StoreKind* store : settings.stores) versions[store->name] = store->version();
  for (const WorkloadOutcome& workload : comparison.workloads) {
    workloads.push_back(to_json(settings, workload));
  }
  const Machine& machine = comparison.machine;
  const Json json{{"settings",
                   {{"directory", settings.directory},
                    {"records", settings.records == 0 ? Json() : Json(settings.records)},
                    {"processes", settings.processes},
                    {"seconds", settings.seconds},
                    {"rounds", settings.rounds},
                    {"run_options", settings.run_options},
                    {"seed", settings.seed}}},
                  {"versions", std::move(versions)},
                  {"machine",
                   {{"cpu", machine.cpu},
                    {"cpus", machine.cpus},
                    {"kernel", machine.kernel},
                    {"file_system", machine.file_system}}},
                  {"ratios_to", settings.stores[settings.yardstick()]->name},
                  {"workloads", std::move(workloads)},
                  {"interrupted", comparison.interrupted},
                  {"exit_code", static_cast<int>(comparison.exit_code)}};
  // Bytes that are no UTF-8 are shown replaced rather than refused.
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace tidelock::agent::shootout
