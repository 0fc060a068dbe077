#include <ostream>

#include "agent/contend/reports.h"

namespace tidelock::agent::contend {
namespace {

struct Line {
  const std::string& policy;
  std::string phase;
  std::size_t number = 0;  // from 0
};

void print(std::ostream& out, const Line& line, const char* figure, double value) {
  out << line.policy << ',' << line.phase << ',' << line.number + 1 << ',' << figure << ',' << value
      << '\n';
}

}  // namespace

void print_csv(std::ostream& out, const Settings&, const Comparison& comparison) {
  const auto precision = out.precision(12);
  out << "policy,phase,number,figure,value\n";
  for (const Outcome& outcome : comparison.outcomes) {
    for (std::size_t i = 0; i < outcome.rounds.size(); ++i) {
      for (const Figure& figure : round_figures()) {
        print(out, {outcome.policy, "round", i}, figure.name, figure.of(outcome.rounds[i]));
      }
    }
    for (const Fault fault : kFaults) {
      const auto& times = outcome.faults[static_cast<std::size_t>(fault)];
      for (std::size_t i = 0; i < times.size(); ++i) {
        const Line line{outcome.policy, fault_name(fault), i};
        print(out, line, "recovery_ms", times[i].recovery);
        print(out, line, "longest_wait_ms", times[i].longest_wait);
        if (times[i].own_turn) print(out, line, "own_turn_ms", *times[i].own_turn);
      }
    }
  }
  out.precision(precision);
}

}  // namespace tidelock::agent::contend
