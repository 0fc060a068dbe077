#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "tidelock/status.h"

namespace tidelock::agent {

// What `tidelock-agent compare` is asked for.
struct CompareSettings {
  std::vector<std::string> files;  // JSON reports of runs
  bool json = false;
};

// A figure of several reports.
struct FigureRow {
  std::string name;                           // "ops_per_second", "get p99 us"
  std::vector<std::optional<double>> values;  // by report; absent if it does not tell

  // To the first report; absent if either is, or the first is 0.
  [[nodiscard]] std::optional<double> ratio(std::size_t report) const noexcept;
};

// kInvalid: one of the files is no report of a run; kIo: it cannot be read.
[[nodiscard]] Result<std::vector<FigureRow>> read_figures(const std::vector<std::string>& files);

void print_ratios(std::ostream& out, const CompareSettings& settings,
                  const std::vector<FigureRow>& rows);

// The program's exit code.
[[nodiscard]] int run_compare(const CompareSettings& settings);

}  // namespace tidelock::agent
