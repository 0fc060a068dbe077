#pragma once

#include <string>
#include <vector>

namespace tidelock::agent::shootout {

struct Bar {
  double value = -1;         // negative: none
  double low = 0, high = 0;  // drawn as a stroke, if they differ
};

// Bars of several series beside each other, group by group.
struct GroupedBars {
  std::string title;
  std::string note;  // a sentence beside it; may be empty
  std::string unit;
  bool logarithmic = false;
  std::vector<std::string> series;
  struct Group {
    std::string name;
    std::vector<Bar> bars;  // one a series
  };
  std::vector<Group> groups;
};

// As an HTML figure with inline SVG, its texts escaped.
[[nodiscard]] std::string draw(const GroupedBars& chart);

}  // namespace tidelock::agent::shootout
