#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "agent/report/spread.h"
#include "tidelock/status.h"

namespace tidelock::agent {

// What `tidelock-agent compare` is asked for.
struct CompareSettings {
  std::vector<std::vector<std::string>> sides;  // JSON reports of runs; those of a side are alike
  bool json = false;
};

// A figure of several sides.
struct FigureRow {
  std::string name;                           // "ops_per_second", "get p99 us"
  std::vector<std::optional<Spread>> values;  // by side; absent if none of its reports tells

  // Of the medians, to the first side; and how far it may be off: the least of the one to the
  // greatest of the other, and the reverse. Absent if either side is, or the first has a 0.
  struct Ratio {
    double medians, least, greatest;
  };
  [[nodiscard]] std::optional<Ratio> ratio(std::size_t side) const noexcept;
};

// kInvalid: one of the files is no report of a run; kIo: it cannot be read.
[[nodiscard]] Result<std::vector<FigureRow>> read_figures(
    const std::vector<std::vector<std::string>>& sides);

void print_ratios(std::ostream& out, const CompareSettings& settings,
                  const std::vector<FigureRow>& rows);

// The program's exit code.
[[nodiscard]] int run_compare(const CompareSettings& settings);

}  // namespace tidelock::agent
