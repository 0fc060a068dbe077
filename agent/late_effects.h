#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "agent/journal.h"

namespace tidelock::agent {

// How late the writes of the dead can have taken effect. For the time when no client is left.
//
// What a dead client left of a commit, the next writer finishes or drops before its own
// (docs/durability.md). So a write that its client never got an answer to has taken effect, if it
// ever does, before the end of any acknowledged write, of whichever key, that began when that
// client was known to be dead. Without such a write it has no bound.
class LateEffects {
 public:
  explicit LateEffects(std::span<const Journal> journals);

  // The operation, and what is known now of its latest effect.
  [[nodiscard]] Operation bounded(Operation operation) const noexcept;

 private:
  // When writes were abandoned, in order, and of those acknowledged that began later the first end.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> bounds_;
};

}  // namespace tidelock::agent
