#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/report.h"
#include "tidelock/status.h"

namespace tidelock::agent::contend {

// What verifying a phase found. Exclusive: all turns counted under the lock, no two stays at once.
struct Exclusion {
  std::uint64_t stays = 0;     // as the processes counted them, each for itself
  std::uint64_t counted = 0;   // as they counted them together, under the lock
  std::uint64_t overlaps = 0;  // stays during which somebody else was inside

  [[nodiscard]] bool held() const noexcept { return stays == counted && overlaps == 0; }
};

// One round, or the medians of several.
struct RoundFigures {
  double operations_per_second = 0;
  Percentiles wait_us{};  // from the intended start
  double jain = 1;        // of the turns of all processes
  double overtakes_per_acquire = 0;
  double longest_gap_ms = 0;  // without a turn, of any process
  double tries_per_success = 0;
  double cpu_seconds_per_million = 0;
  double alone_ns = 0;  // acquire and release, by one process
};

enum class Fault : std::uint8_t { kHolderKilled, kWaiterKilled, kHolderStopped, kWaiterStopped };
inline constexpr std::array kFaults{Fault::kHolderKilled, Fault::kWaiterKilled,
                                    Fault::kHolderStopped, Fault::kWaiterStopped};
[[nodiscard]] const char* fault_name(Fault fault) noexcept;  // "holder killed"

// How one fault went by, in ms. "Others" are all but the victim and, if it was a waiter, whoever
// held the lock meanwhile. Counted from the SIGKILL of a holder, the SIGCONT of a stopped holder,
// or, for a waiter, from the moment the holder let go of the lock. Who has had no turn after two
// seconds is not waited for any longer, and counts with what it had waited.
struct FaultFigures {
  double recovery = 0;      // a holder: until the next turn. A waiter: the longest time in which
                            // nobody got the lock, until all others had a turn
  double longest_wait = 0;  // until the last of the others had a turn
  std::optional<double> own_turn{};  // a stopped waiter: from its SIGCONT until its turn
};

// How one policy did.
struct Outcome {
  std::string policy;
  std::vector<RoundFigures> rounds;
  std::array<std::vector<FaultFigures>, kFaults.size()> faults;  // by Fault
  std::vector<std::string> problems;                             // exclusion that was broken
  std::uint64_t turns_verified = 0;
  std::vector<std::string> accidents;  // processes that died by themselves, or did not end
  Status failure;                      // the first one
};

[[nodiscard]] double median(std::vector<double> values);  // 0 of none
[[nodiscard]] RoundFigures medians(const std::vector<RoundFigures>& rounds);

// A round's figures by name, so that every report shows the same ones.
struct Figure {
  const char* name;  // "wait_p50_us"
  double (*of)(const RoundFigures&);
};
[[nodiscard]] const std::vector<Figure>& round_figures();

// The whole comparison.
struct Comparison {
  double stay_ns = 0;  // what a stay inside was calibrated to
  std::vector<Outcome> outcomes;
  bool interrupted = false;
};
[[nodiscard]] ExitCode exit_code(const Comparison& comparison) noexcept;

}  // namespace tidelock::agent::contend
