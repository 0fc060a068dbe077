#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "agent/contend/crew.h"
#include "agent/contend/figures.h"
#include "agent/contend/settings.h"
#include "agent/parent.h"

namespace tidelock::agent::contend {

// A policy that takes part, by whatever lock.
struct Entrant {
  std::string name;
  LockFactory make_lock;
};

// Runs phases: each with processes of its own on a lock of its own, and each verified in the end.
// What goes wrong is noted in the outcome; false when it makes no sense to go on with the entrant.
class Phases {
 public:
  Phases(const Settings& settings, const Parent& parent, std::uint32_t stores)
      : settings_(settings), parent_(parent), stores_(stores) {}

  // `round` counts from 0; equal for all entrants, it is part of the seed.
  bool run_round(const Entrant& entrant, std::uint32_t round, Outcome& outcome);
  // Each fault, `settings.faults` times. Needs two processes.
  bool run_faults(const Entrant& entrant, Outcome& outcome);

  [[nodiscard]] bool interrupted() const noexcept { return interrupted_; }

 private:
  using Body = std::function<void(Crew&, const Arena&)>;
  bool run_phase(const Entrant& entrant, std::uint64_t seed, const Body& body, Outcome& outcome);

  const Settings& settings_;
  const Parent& parent_;
  const std::uint32_t stores_;
  bool interrupted_ = false;
};

}  // namespace tidelock::agent::contend
