#include "agent/shootout/figures.h"

#include <algorithm>
#include <array>

namespace tidelock::agent::shootout {
namespace {

template <typename Of>
double median_of(const std::vector<Figures>& rounds, const Of& of) {
  std::vector<double> values;
  for (const Figures& figures : rounds) values.push_back(of(figures));
  return spread_of(std::move(values)).median;
}

std::optional<double> median_of_told(const std::vector<Figures>& rounds,
                                     std::optional<double> Figures::*member) {
  std::vector<double> values;
  for (const Figures& figures : rounds) {
    if (figures.*member) values.push_back(*(figures.*member));
  }
  if (values.empty()) return std::nullopt;
  return spread_of(std::move(values)).median;
}

}  // namespace

Figures medians(const std::vector<Figures>& rounds) {
  const auto of = [&](double Percentiles::*member) {
    return median_of(rounds, [=](const Figures& f) { return f.latency_us.*member; });
  };
  return {.ops_per_second = median_of(rounds, [](const Figures& f) { return f.ops_per_second; }),
          .latency_us = {.p50 = of(&Percentiles::p50),
                         .p99 = of(&Percentiles::p99),
                         .p999 = of(&Percentiles::p999),
                         .max = of(&Percentiles::max)},
          .jain = median_of(rounds, [](const Figures& f) { return f.jain; }),
          .cpu_us_per_operation = median_of_told(rounds, &Figures::cpu_us_per_operation),
          .disk_bytes = median_of_told(rounds, &Figures::disk_bytes),
          .memory_bytes = median_of_told(rounds, &Figures::memory_bytes),
          .called_per_byte = median_of_told(rounds, &Figures::called_per_byte),
          .dirtied_per_byte = median_of_told(rounds, &Figures::dirtied_per_byte)};
}

Spread throughput(const Outcome& outcome) {
  std::vector<double> values;
  for (const Figures& figures : outcome.rounds) values.push_back(figures.ops_per_second);
  return spread_of(std::move(values));
}

std::optional<double> ratio(const Outcome& outcome, const Outcome& yardstick) {
  const double base = throughput(yardstick).median;
  if (outcome.rounds.empty() || base <= 0) return std::nullopt;
  return throughput(outcome).median / base;
}

}  // namespace tidelock::agent::shootout
