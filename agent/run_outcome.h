#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/report/footprint.h"
#include "agent/report/interval.h"

namespace tidelock::agent {

struct Kill {
  std::uint64_t kill_ns = 0;    // the signal was about to be sent
  std::uint64_t reaped_ns = 0;  // the kernel had released everything the client held
};

// What the supervisor of a run saw.
struct RunOutcome {
  std::uint64_t start_ns = 0;
  std::uint64_t end_ns = 0;
  std::vector<Kill> kills;  // in order
  std::uint64_t aimed = 0;  // kills of a client that had just been seen to hold the lock
  std::uint64_t longest_cut_call_ns = 0;  // of the calls that clients were killed in
  std::uint64_t stops = 0;
  std::uint64_t visits = 0;            // clients that left when they had done what they came for
  std::uint64_t states_lost = 0;       // times that the shared state was removed
  std::uint64_t starved_ns = 0;        // the most by which the supervisor woke up too late
  std::vector<std::string> accidents;  // clients that died by themselves or did not end
  std::vector<Interval> intervals;     // from start to end
  std::optional<double> fairness{};    // in short windows; unknown of a run shorter than one
  Usage usage{};                       // of the clients that worked
  std::optional<std::uint64_t> directory_begin_bytes{};
  bool interrupted = false;  // by SIGINT or SIGTERM; what was done still counts
};

}  // namespace tidelock::agent
