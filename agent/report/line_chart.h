#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tidelock::agent {

struct Line {
  std::string name;
  std::vector<double> values;  // one for each x, or fewer; negative: none
};

// Values over time, or over whatever x is.
struct LineChart {
  std::string title{};
  std::string note{};       // a sentence below the title; may be empty
  std::string unit{};       // of the values
  std::string x_unit{};     // "s"
  std::vector<double> x{};  // ascending
  std::vector<Line> lines{};
  std::vector<double> marks{};  // strokes at these x
  double reach = 0;             // the scale of the values goes as far at least
  bool logarithmic = false;     // the values; then 0 lies at the bottom
  // x and what is written there; empty: round numbers.
  std::vector<std::pair<double, std::string>> x_ticks{};
};

// The chart as an HTML figure with inline SVG, its texts escaped. Of many points the least and the
// greatest of each stretch are drawn. The class names of the lines are l0, l1, ...
[[nodiscard]] std::string draw(const LineChart& chart);

}  // namespace tidelock::agent
