#pragma once

#include <string>
#include <vector>

namespace tidelock::agent {

// One row of a chart: a name, and what is drawn beside it.
struct ChartRow {
  std::string name;
  std::vector<double> values;  // one a series; negative: none
  std::vector<double> spread;  // further values of the first series, drawn as small strokes
};

struct Chart {
  std::string title;
  std::string note;                 // a sentence below the title; may be empty
  std::string unit;                 // "ms"
  std::vector<std::string> series;  // names; one alone is drawn as bars, several as dots
  std::vector<ChartRow> rows;
};

// The chart as an HTML figure with inline SVG, its texts escaped. Bars begin at 0; dots lie on a
// logarithmic scale. The class names of the series are s0, s1, ...
[[nodiscard]] std::string draw(const Chart& chart);

}  // namespace tidelock::agent
