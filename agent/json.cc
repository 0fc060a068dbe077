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
  Json json{{"db", settings.directory},
            {"processes", settings.processes},
            {"threads", settings.threads},
            {"seconds", settings.operations == 0 ? Json(settings.seconds) : Json()},
            {"ops", settings.operations != 0 ? Json(settings.operations) : Json()},
            {"read_percent", settings.read_percent},
            {"erase_percent", settings.erase_percent},
            {"keys", name_of(kKeyOrderNames, settings.keys)},
            {"key_file", settings.key_file.empty() ? Json() : Json(settings.key_file)},
            {"key_count", keys.count()},
            {"preload", settings.preload},
            {"value_size", settings.value_size},
            {"memtable_size", settings.memtable_size},
            {"batch_percent", settings.batch_percent},
            {"durable_percent", settings.durable_percent},
            {"snapshot_percent", settings.snapshot_percent},
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
            {"kill_every_ms", settings.kill_every.count()},
            {"spare", settings.spared},
            {"kill_all_every", settings.kill_all_every},
            {"lose_state", settings.lose_state},
            {"aim_percent", settings.aim_percent},
            {"verify", settings.verify},
            {"seed", settings.seed}};
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
                  {"not_durable", report.not_durable},
                  {"without_answer", report.journal.in_flight + report.journal.unknown},
                  {"snapshots", report.snapshots},
                  {"batches", report.batches},
                  {"flushes", report.flushes},
                  {"compactions", report.compactions},
                  {"reopenings", report.reopenings},
                  {"forks", report.forks},
                  {"lost", report.check.values.lost},
                  {"strangers", report.check.strangers},
                  {"history", to_json(report.verification)},
                  {"contradictions", report.contradictions},
                  {"check_problems", report.check.problems.size()},
                  {"problems", problems_of(report)},
                  {"kills", report.kills},
                  {"aimed", report.aimed},
                  {"states_lost", report.states_lost},
                  {"redos", report.check.redos},
                  {"recovery_ms", to_json(report.recovery_ms)},
                  {"recovery_from_release_ms", to_json(report.recovery_from_release_ms)},
                  {"retries", report.retries},
                  {"waits", report.waits},
                  {"longest_wait_ms", report.longest_wait_ms},
                  {"longest_call_ms", report.longest_call_ms},
                  {"longest_job_ms", report.longest_job_ms},
                  {"starved_ms", report.starved_ms},
                  {"jain", report.jain},
                  {"latency_us", to_json(report.latency_us)},
                  {"read_latency_us", to_json(report.read_latency_us)},
                  {"write_latency_us", to_json(report.write_latency_us)},
                  {"interrupted", report.interrupted},
                  {"exit_code", static_cast<int>(exit_code(report))},
                  {"seed", run.settings.seed},
                  {"settings", to_json(run.settings, run.keys)}};
  // Bytes that are no UTF-8 (of keys, in problems) are shown replaced rather than refused.
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace tidelock::agent
