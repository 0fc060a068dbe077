#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "agent/contend/reports.h"

namespace tidelock::agent::contend {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const RoundFigures& round) {
  Json json = Json::object();
  for (const Figure& figure : round_figures()) json[figure.name] = figure.of(round);
  return json;
}

Json to_json(const FaultFigures& figures) {
  Json json{{"recovery_ms", figures.recovery}, {"longest_wait_ms", figures.longest_wait}};
  if (figures.own_turn) json["own_turn_ms"] = *figures.own_turn;
  return json;
}

Json to_json(const std::vector<FaultFigures>& times) {
  std::vector<double> recovery, longest_wait, own_turn;
  Json each = Json::array();
  for (const FaultFigures& figures : times) {
    recovery.push_back(figures.recovery);
    longest_wait.push_back(figures.longest_wait);
    if (figures.own_turn) own_turn.push_back(*figures.own_turn);
    each.push_back(to_json(figures));
  }
  Json json{{"recovery_ms", median(recovery)}, {"longest_wait_ms", median(longest_wait)}};
  if (!own_turn.empty()) json["own_turn_ms"] = median(own_turn);
  json["each"] = each;
  return json;
}

Json to_json(const Outcome& outcome) {
  Json json{{"policy", outcome.policy},
            {"exclusive", outcome.problems.empty()},
            {"turns_verified", outcome.turns_verified}};
  json["medians"] = outcome.rounds.empty() ? Json() : to_json(medians(outcome.rounds));
  json["rounds"] = Json::array();
  for (const RoundFigures& round : outcome.rounds) json["rounds"].push_back(to_json(round));
  json["faults"] = Json::object();
  for (const Fault fault : kFaults) {
    const auto& times = outcome.faults[static_cast<std::size_t>(fault)];
    std::string name = fault_name(fault);
    std::replace(name.begin(), name.end(), ' ', '_');
    if (!times.empty()) json["faults"][name] = to_json(times);
  }
  json["problems"] = Json::array();
  for (const std::string& problem : outcome.problems) json["problems"].push_back(problem);
  for (const std::string& accident : outcome.accidents) json["problems"].push_back(accident);
  if (!outcome.failure.ok()) json["problems"].push_back(outcome.failure.to_string());
  return json;
}

}  // namespace

void print_json(std::ostream& out, const Settings& settings, const Comparison& comparison) {
  Json json{{"processes", settings.processes},
            {"critical_ns", settings.critical_ns},
            {"critical_ns_calibrated", comparison.stay_ns},
            {"think_us", settings.think_us},
            {"seconds", settings.seconds},
            {"rounds", settings.rounds},
            {"faults", settings.faults},
            {"backoff_base_us", settings.backoff.base.count()},
            {"backoff_cap_us", settings.backoff.cap.count()},
            {"seed", settings.seed},
            {"cpus", std::thread::hardware_concurrency()},
            {"interrupted", comparison.interrupted},
            {"exit_code", static_cast<int>(exit_code(comparison))}};
  json["policies"] = Json::array();
  for (const Outcome& outcome : comparison.outcomes) json["policies"].push_back(to_json(outcome));
  // A path in a problem may be no UTF-8.
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace tidelock::agent::contend
