#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "agent/crew.h"
#include "agent/random.h"

namespace tidelock::agent {

// Kills a client now and then, or all of them at once, and has successors begin in their slots.
class Strikes {
 public:
  // Notes in `outcome` whom it killed and when.
  Strikes(const Run& run, Crew& crew, Random& random, RunOutcome& outcome);

  void begin(std::uint64_t start_ns);
  // UINT64_MAX: nobody is killed, or not yet.
  [[nodiscard]] std::uint64_t due_ns() const noexcept { return due_ns_; }
  void strike();

 private:
  [[nodiscard]] std::vector<std::uint32_t> choose_victims();
  // The slot of the client that holds the writer lock.
  [[nodiscard]] std::optional<std::uint32_t> holder() const;
  void note_call(std::uint32_t slot) noexcept;
  void lose_state();

  const Run& run_;
  Crew& crew_;
  Random& random_;
  RunOutcome& outcome_;
  std::uint64_t due_ns_ = UINT64_MAX;
  std::uint64_t count_ = 0;
  bool all_struck_ = false;  // by the last one
};

}  // namespace tidelock::agent
