#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "damage/oracle.h"

// Work on damaged databases, done in child processes: a crash or a hang is theirs.
namespace tidelock::test {

// With TIDELOCK_LONG set, as tools/soak does, much more is tried.
[[nodiscard]] bool is_long();

struct Tally {
  std::uint64_t counts[8] = {};
  std::vector<std::string> faults;  // violations, crashes, hangs; the first few
  [[nodiscard]] std::uint64_t of(Outcome outcome) const {
    return counts[static_cast<std::size_t>(outcome)];
  }
  [[nodiscard]] std::uint64_t all() const;
};

// Calls `work(child, i)` for i from 0 to `count` - 1 in some child processes, each i in one of
// them; `child` numbers them, for directories of their own. `name(i)` is for messages. No piece may
// take longer than `hung_after`.
[[nodiscard]] Tally run_in_children(std::size_t count,
                                    const std::function<Verdict(int child, std::size_t i)>& work,
                                    const std::function<std::string(std::size_t i)>& name,
                                    std::chrono::seconds hung_after = std::chrono::seconds(5));

inline constexpr int kChildren = 2;

}  // namespace tidelock::test
