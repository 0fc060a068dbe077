#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "agent/report/interval.h"

namespace tidelock::agent {

// What there is to tell of a run that is under way.
struct Moment {
  double elapsed_s = 0;
  double length_s = 0;                 // of the whole run; 0: not known
  std::uint64_t operations = 0;        // done since the start, however they ended
  std::uint64_t operations_to_do = 0;  // 0: as many as come
  std::uint64_t retries = 0, kills = 0, contradictions = 0;
  const Interval* interval = nullptr;  // the last one; null: there was none yet
  std::span<const double> clients;     // operations of each in it
};

// Of the keys that are written before a run.
struct Loading {
  std::uint64_t loaded = 0, keys = 0;
  double elapsed_s = 0;
};

// One line: for a terminal, with a bar, and a plain one.
[[nodiscard]] std::string live_view(const Loading& loading);
[[nodiscard]] std::string plain_line(const Loading& loading);

// Several lines for a terminal, without the last line's end.
[[nodiscard]] std::string live_view(const Moment& moment);
// One line.
[[nodiscard]] std::string plain_line(const Moment& moment);

}  // namespace tidelock::agent
