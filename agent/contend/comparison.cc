#include "agent/contend/comparison.h"

#include "agent/clock.h"

namespace tidelock::agent::contend {
namespace {

constexpr std::uint32_t kFaultProcessesMin = 3;  // holder, victim, and one who waits

bool takes_part(const Outcome& outcome) {
  return outcome.problems.empty() && outcome.accidents.empty() && outcome.failure.ok();
}

class Comparer {
 public:
  Comparer(const Settings& settings, const std::vector<Entrant>& entrants, Progress& progress,
           const Calibration& calibration)
      : settings_(settings),
        entrants_(entrants),
        progress_(progress),
        phases_(settings, parent_, calibration.stores) {
    comparison_.stay_ns = calibration.stay_ns;
    for (const Entrant& entrant : entrants) {
      comparison_.outcomes.emplace_back().policy = entrant.name;
    }
  }

  Comparison run() {
    for (std::uint32_t round = 0; round < settings_.rounds; ++round) {
      for_all("round " + std::to_string(round + 1) + " of " + std::to_string(settings_.rounds),
              [&](const Entrant& entrant, Outcome& outcome) {
                (void)phases_.run_round(entrant, round, outcome);
              });
    }
    if (settings_.faults != 0 && settings_.processes >= kFaultProcessesMin) {
      for_all("faults", [&](const Entrant& entrant, Outcome& outcome) {
        (void)phases_.run_faults(entrant, outcome);
      });
    }
    comparison_.interrupted = phases_.interrupted();
    return std::move(comparison_);
  }

 private:
  template <typename Phase>
  void for_all(const std::string& what, const Phase& phase) {
    for (std::size_t i = 0; i < entrants_.size() && !phases_.interrupted(); ++i) {
      Outcome& outcome = comparison_.outcomes[i];
      if (!takes_part(outcome)) continue;
      if (now_ns() >= progress_.due_ns()) progress_.show(what + ": " + entrants_[i].name);
      phase(entrants_[i], outcome);
    }
  }

  const Settings& settings_;
  const std::vector<Entrant>& entrants_;
  Progress& progress_;
  Parent parent_;
  Phases phases_;
  Comparison comparison_;
};

}  // namespace

Comparison compare(const Settings& settings, const std::vector<Entrant>& entrants,
                   Progress& progress) {
  return Comparer(settings, entrants, progress, calibrate(settings.critical_ns)).run();
}

}  // namespace tidelock::agent::contend
