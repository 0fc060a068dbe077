#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/contend/arena.h"
#include "agent/contend/lock.h"

namespace tidelock::agent::contend {

// What the processes of a phase have in common. Made before the first of them is forked.
struct Contest {
  const Arena& arena;
  const LockFactory& make_lock;
  LockSite site;               // without the seed
  std::uint32_t stores = 0;    // of a stay inside, as calibrated
  std::uint32_t think_us = 0;  // on average; uniform between half and one and a half of it
  std::uint64_t seed = 0;
};

// How often a process that has attached looks whether the phase begins: seldom enough that many of
// them leave the others time to attach.
[[nodiscard]] std::uint64_t look_period_ns(std::size_t processes) noexcept;

// The life of one process: takes the lock again and again, works inside, verifies that it is alone,
// counts, thinks; from the phase's start to its stop. The result is its exit code: 0, or 1 after a
// failure that it has reported to the arena.
[[nodiscard]] int run_contender(const Contest& contest, std::uint32_t lane);

// The life of a process that has the lock for itself: measures Control::alone_ns.
[[nodiscard]] int measure_alone(const Contest& contest);

}  // namespace tidelock::agent::contend
