#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/names.h"
#include "agent/summary.h"

namespace tidelock::agent {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Percentiles& p) {
  return {{"p50", p.p50}, {"p99", p.p99}, {"p999", p.p999}, {"max", p.max}};
}

Json to_json(const Settings& settings, const KeySpace& keys) {
  const Backoff backoff = settings.backoff.value_or(Backoff{});
  const auto unless_replayed = [&](const std::string& text) {
    return settings.replay.empty() ? Json(text) : Json();
  };
  Json json{{"store", settings.store->name},
            {"db", settings.directory},
            {"processes", settings.processes},
            {"threads", settings.threads},
            {"seconds", settings.operations == 0 ? Json(settings.seconds) : Json()},
            {"ops", settings.operations != 0 ? Json(settings.operations) : Json()},
            {"workload", settings.workload.name.empty() ? Json() : Json(settings.workload.name)},
            {"replay", settings.replay.empty() ? Json() : Json(settings.replay)},
            {"mix", unless_replayed(settings.workload.mix.to_string())},
            {"keys", unless_replayed(name_of(kKeyOrderNames, settings.workload.keys.order))},
            {"key_file", settings.key_file.empty() ? Json() : Json(settings.key_file)},
            {"key_count", keys.count()},
            {"preload", settings.preload},
            {"value_size", unless_replayed(settings.workload.values.sizes.text())},
            {"value_ratio", settings.workload.values.ratio},
            {"scan_length", settings.workload.scan_lengths.text()},
            {"rate", settings.pace.unlimited() ? Json() : Json(settings.pace.text())},
            {"record", settings.record.empty() ? Json() : Json(settings.record)},
            {"replay", settings.replay.empty() ? Json() : Json(settings.replay)},
            {"replay_timing", settings.replay.empty()
                                  ? Json()
                                  : Json(name_of(kReplayTimingNames, settings.replay_timing))},
            {"memtable_size", settings.memtable_size},
            {"durable_percent", settings.durable_percent},
            {"churn_every", settings.churn_every},
            {"durability", name_of(kDurabilityNames, settings.durability)},
            {"wait", name_of(kWaitNames, settings.wait)},
            {"handover", name_of(kHandoverNames, settings.handover)},
            {"backoff", backoff_name(settings)},
            {"backoff_base_us", backoff.base.count()},
            {"backoff_cap_us", backoff.cap.count()},
            {"tries", settings.tries},
            {"deadline_ms",
             settings.deadline == Wait::kForEver ? Json() : Json(settings.deadline.count())},
            {"readers", settings.readers},
            {"hold_view_ms", settings.hold_view.count()},
            {"slow", settings.slow},
            {"slow_think_ms", settings.slow_think.count()},
            {"visit_ops", settings.visit_operations},
            {"stop_every_ms", settings.stop_every.count()},
            {"stop_for_ms", settings.stop_for.count()},
            {"disk_size", settings.disk_size},
            {"kill_every_ms", settings.kill_every.count()},
            {"spare", settings.spared},
            {"kill_all_every", settings.kill_all_every},
            {"lose_state", settings.lose_state},
            {"aim_percent", settings.aim_percent},
            {"verify", name_of(kVerifyNames, settings.verify)},
            {"fairness_limit", settings.fairness_limit},
            {"latency_sample", settings.latency_sample},
            {"interval_ms", settings.interval_ns() / 1'000'000},
            {"seed", settings.seed}};
  return json;
}

Json to_json(const std::array<ActionFigures, kActions>& actions) {
  Json json = Json::object();
  for (std::size_t i = 0; i < kActions; ++i) {
    if (actions[i].count == 0 && actions[i].latency_us.max == 0) continue;
    json[std::string(kActionNames[i])] = {{"count", actions[i].count},
                                          {"latency_us", to_json(actions[i].latency_us)}};
  }
  return json;
}

Json to_json(const Spread& spread) {
  return {{"average", spread.average},
          {"minimum", spread.minimum},
          {"maximum", spread.maximum},
          {"median", spread.median},
          {"standard_deviation", spread.deviation}};
}

template <typename Number>
Json or_null(const std::optional<Number>& number) {
  return number ? Json(*number) : Json();
}

Json per(double amount, std::uint64_t count) {
  return count == 0 ? Json() : Json(amount / static_cast<double>(count));
}

Json resources_of(const Report& report) {
  const Resources& resources = report.resources;
  const Usage& usage = resources.usage;
  const auto written = [&](std::uint64_t bytes) { return usage.io_known ? Json(bytes) : Json(); };
  const auto per_user_byte = [&](std::uint64_t bytes) {
    return usage.io_known ? per(static_cast<double>(bytes), resources.user_bytes) : Json();
  };
  const auto per_operation = [&](double amount) { return per(amount, report.operations); };
  return {
      {"cpu_user_s", static_cast<double>(usage.user_ns) / 1e9},
      {"cpu_system_s", static_cast<double>(usage.system_ns) / 1e9},
      {"cpu_us_per_operation", per_operation(static_cast<double>(usage.cpu_ns()) / 1e3)},
      {"voluntary_switches", usage.voluntary_switches},
      {"involuntary_switches", usage.involuntary_switches},
      {"switches_per_operation",
       per_operation(static_cast<double>(usage.voluntary_switches + usage.involuntary_switches))},
      {"user_bytes", resources.user_bytes},
      {"call_bytes", written(usage.call_bytes)},
      {"storage_bytes", written(usage.storage_bytes)},
      {"call_bytes_per_user_byte", per_user_byte(usage.call_bytes)},
      {"storage_bytes_per_user_byte", per_user_byte(usage.storage_bytes)},
      {"directory_begin_bytes", or_null(resources.directory_begin_bytes)},
      {"directory_end_bytes", or_null(resources.directory_end_bytes)},
      {"memory_peak_bytes", or_null(resources.memory_peak_bytes)}};
}

Json to_json(const std::vector<ClientFigures>& clients) {
  Json json = Json::array();
  for (const ClientFigures& client : clients) {
    json.push_back({{"operations", client.operations}, {"longest_gap_ms", client.longest_gap_ms}});
  }
  return json;
}

Json to_json(const std::optional<history::Verification>& verification) {
  if (!verification) return Json();
  return {{"writes", verification->writes},
          {"batches", verification->batches},
          {"unanswered_seen", verification->unanswered},
          {"unanswered_bounded", verification->bounded},
          {"readings", verification->readings},
          {"snapshots", verification->snapshots},
          {"walks", verification->walks},
          {"violations", verification->violations.count()}};
}

Json problems_of(const Report& report) {
  Json problems = Json::array();
  for (const std::string& problem : report.check.problems) problems.push_back(problem);
  for (const std::string& accident : report.accidents) problems.push_back(accident);
  for (const Status* status : {&report.failure, &report.check.status}) {
    if (!status->ok()) problems.push_back(status->to_string());
  }
  return problems;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> settings_in_words(const Run& run) {
  std::vector<std::pair<std::string, std::string>> words;
  const Json settings = to_json(run.settings, run.keys);
  for (const auto& [name, value] : settings.items()) {
    if (value.is_null()) continue;
    words.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return words;
}

void print_json(std::ostream& out, const Run& run, const Report& report) {
  const double seconds = report.seconds > 0 ? report.seconds : 1;
  const Json json{{"operations", report.operations},
                  {"ops_per_second", static_cast<double>(report.operations) / seconds},
                  {"seconds", report.seconds},
                  {"reads", report.reads},
                  {"writes", report.writes},
                  {"acknowledged", report.journal.acknowledged},
                  {"acknowledged_erases", report.journal.acknowledged_erases},
                  {"refused", report.refused},
                  {"never_begun", report.never_begun},
                  {"reads_of_nothing", report.misses},
                  {"inserts_as_updates", report.inserts_as_updates},
                  {"not_durable", report.not_durable},
                  {"without_answer", report.journal.in_flight + report.journal.unknown},
                  {"snapshots", report.snapshots},
                  {"batches", report.batches},
                  {"flushes", report.flushes},
                  {"compactions", report.compactions},
                  {"reopenings", report.reopenings},
                  {"forks", report.forks},
                  {"lost", report.check.values.lost},
                  {"keys_checked", report.check.values.keys},
                  {"strangers", report.check.strangers},
                  {"history", to_json(report.verification)},
                  {"contradictions", report.contradictions},
                  {"check_problems", report.check.problems.size()},
                  {"problems", problems_of(report)},
                  {"kills", report.kills},
                  {"aimed", report.aimed},
                  {"stops", report.stops},
                  {"visits", report.visits},
                  {"no_space", report.no_space},
                  {"states_lost", report.states_lost},
                  {"redos", report.check.redos},
                  {"recovery_ms", to_json(report.recovery_ms)},
                  {"recovery_from_release_ms", to_json(report.recovery_from_release_ms)},
                  {"loaded", report.loaded},
                  {"actions", to_json(report.actions)},
                  {"retries", report.retries},
                  {"backed_off_s", report.backed_off_s},
                  {"waits", report.waits},
                  {"longest_wait_ms", report.longest_wait_ms},
                  {"longest_gap_ms", report.longest_gap_ms},
                  {"longest_call_ms", report.longest_call_ms},
                  {"longest_job_ms", report.longest_job_ms},
                  {"starved_ms", report.starved_ms},
                  {"jain", report.jain},
                  {"jain_in_windows", or_null(report.fairness)},
                  {"latency_us", to_json(report.latency_us)},
                  {"read_latency_us", to_json(report.read_latency_us)},
                  {"write_latency_us", to_json(report.write_latency_us)},
                  {"intervals", report.whole_intervals},
                  {"reads_per_second", to_json(report.reads_per_second)},
                  {"writes_per_second", to_json(report.writes_per_second)},
                  {"resources", resources_of(report)},
                  {"clients", to_json(report.clients)},
                  {"interrupted", report.interrupted},
                  {"exit_code", static_cast<int>(exit_code(report))},
                  {"seed", run.settings.seed},
                  {"settings", to_json(run.settings, run.keys)}};
  // Bytes that are no UTF-8 (of keys, in problems) are shown replaced rather than refused.
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace tidelock::agent
