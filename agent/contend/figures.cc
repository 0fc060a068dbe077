#include "agent/contend/figures.h"

#include <algorithm>

namespace tidelock::agent::contend {

const char* fault_name(Fault fault) noexcept {
  switch (fault) {
    case Fault::kHolderKilled:
      return "holder killed";
    case Fault::kWaiterKilled:
      return "waiter killed";
    case Fault::kHolderStopped:
      return "holder stopped";
    case Fault::kWaiterStopped:
      break;
  }
  return "waiter stopped";
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

RoundFigures medians(const std::vector<RoundFigures>& rounds) {
  const auto of = [&](auto figure) {
    std::vector<double> values;
    for (const RoundFigures& round : rounds) values.push_back(figure(round));
    return median(std::move(values));
  };
  using R = const RoundFigures&;
  return {.operations_per_second = of([](R r) { return r.operations_per_second; }),
          .wait_us = {.p50 = of([](R r) { return r.wait_us.p50; }),
                      .p99 = of([](R r) { return r.wait_us.p99; }),
                      .p999 = of([](R r) { return r.wait_us.p999; }),
                      .max = of([](R r) { return r.wait_us.max; })},
          .jain = of([](R r) { return r.jain; }),
          .overtakes_per_acquire = of([](R r) { return r.overtakes_per_acquire; }),
          .longest_gap_ms = of([](R r) { return r.longest_gap_ms; }),
          .tries_per_success = of([](R r) { return r.tries_per_success; }),
          .cpu_seconds_per_million = of([](R r) { return r.cpu_seconds_per_million; }),
          .alone_ns = of([](R r) { return r.alone_ns; })};
}

const std::vector<Figure>& round_figures() {
  using R = const RoundFigures&;
  static const std::vector<Figure> kFigures{
      {"operations_per_second", [](R r) { return r.operations_per_second; }},
      {"wait_p50_us", [](R r) { return r.wait_us.p50; }},
      {"wait_p99_us", [](R r) { return r.wait_us.p99; }},
      {"wait_p999_us", [](R r) { return r.wait_us.p999; }},
      {"wait_max_us", [](R r) { return r.wait_us.max; }},
      {"jain", [](R r) { return r.jain; }},
      {"overtakes_per_acquire", [](R r) { return r.overtakes_per_acquire; }},
      {"longest_gap_ms", [](R r) { return r.longest_gap_ms; }},
      {"tries_per_success", [](R r) { return r.tries_per_success; }},
      {"cpu_seconds_per_million", [](R r) { return r.cpu_seconds_per_million; }},
      {"alone_ns", [](R r) { return r.alone_ns; }}};
  return kFigures;
}

ExitCode exit_code(const Comparison& comparison) noexcept {
  const auto any = [&](auto&& is_so) {
    return std::any_of(comparison.outcomes.begin(), comparison.outcomes.end(), is_so);
  };
  if (any([](const Outcome& o) { return !o.problems.empty(); })) return ExitCode::kLost;
  if (any([](const Outcome& o) { return !o.accidents.empty(); })) return ExitCode::kAccident;
  for (const Outcome& outcome : comparison.outcomes) {
    if (!outcome.failure.ok()) return agent::exit_code(outcome.failure);
  }
  return comparison.interrupted ? ExitCode::kInterrupted : ExitCode::kGood;
}

}  // namespace tidelock::agent::contend
