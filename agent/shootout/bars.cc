#include "agent/shootout/bars.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "agent/report/axis.h"
#include "agent/report/page.h"
#include "agent/words.h"

namespace tidelock::agent::shootout {
namespace {

constexpr double kNames = 70, kPlot = 450, kLabels = 90, kBar = 14, kGap = 12, kHead = 8,
                 kFoot = 30;
constexpr double kWidth = kNames + kPlot + kLabels;

// Of the page's colours, which suit bright and dark screens.
std::string colour(std::size_t series) {
  static constexpr std::array kColours{"a", "b", "c", "e", "f", "d"};
  return std::string("style=\"fill:var(--") + kColours[series % kColours.size()] + ")\"";
}

class Drawing {
 public:
  explicit Drawing(const GroupedBars& chart) : chart_(chart), axis_(chart.logarithmic) {
    for (const auto& group : chart.groups) {
      for (const Bar& bar : group.bars) {
        if (bar.value < 0) continue;
        axis_.include(bar.value);
        axis_.include(bar.high);
      }
    }
    axis_.settle();
    const auto rows = static_cast<double>(chart.groups.size());
    bottom_ = kHead + rows * (kBar * static_cast<double>(chart.series.size()) + kGap);
  }

  std::string draw() {
    out_ << "<figure><figcaption><b>" << escaped(chart_.title) << "</b> " << escaped(chart_.note)
         << "</figcaption>\n";
    draw_legend();
    out_ << "<svg viewBox=\"0 0 " << kWidth << ' ' << bottom_ + kFoot
         << "\" role=\"img\" aria-label=\"" << escaped(chart_.title) << "\">\n";
    draw_axis();
    double y = kHead;
    for (const auto& group : chart_.groups) {
      out_ << "<text class=\"name\" x=\"" << kNames - 8 << "\" y=\"" << y + kBar - 2 << "\">"
           << escaped(group.name) << "</text>\n";
      for (std::size_t i = 0; i < group.bars.size(); ++i, y += kBar) draw_bar(group, i, y);
      y += kGap;
    }
    out_ << "</svg></figure>\n";
    return out_.str();
  }

 private:
  [[nodiscard]] double at(double value) const { return kNames + kPlot * axis_.share(value); }

  void draw_legend() {
    out_ << "<p class=\"legend\">";
    for (std::size_t i = 0; i < chart_.series.size(); ++i) {
      out_ << "<span><svg width=\"12\" height=\"12\"><rect " << colour(i)
           << " width=\"12\" height=\"12\"/></svg> " << escaped(chart_.series[i]) << "</span> ";
    }
    out_ << "</p>\n";
  }

  void draw_axis() {
    for (const double tick : axis_.ticks()) {
      out_ << "<line class=\"grid\" x1=\"" << at(tick) << "\" x2=\"" << at(tick) << "\" y1=\""
           << kHead << "\" y2=\"" << bottom_ << "\"/><text class=\"tick\" x=\"" << at(tick)
           << "\" y=\"" << bottom_ + 16 << "\">" << tick_text(tick) << "</text>";
    }
    out_ << "<text class=\"unit\" x=\"" << kWidth - 4 << "\" y=\"" << bottom_ + 16 << "\">"
         << escaped(chart_.unit) << "</text>\n";
  }

  void draw_bar(const GroupedBars::Group& group, std::size_t series, double y) {
    const Bar& bar = group.bars[series];
    if (bar.value < 0) {
      out_ << "<text class=\"value\" x=\"" << kNames + 4 << "\" y=\"" << y + kBar - 3
           << "\">no figures</text>\n";
      return;
    }
    out_ << "<rect " << colour(series) << " x=\"" << kNames << "\" y=\"" << y + 1 << "\" width=\""
         << std::max(1.0, at(bar.value) - kNames) << "\" height=\"" << kBar - 2 << "\"><title>"
         << escaped(group.name + ", " + chart_.series[series]) << ": " << rounded(bar.value) << ' '
         << escaped(chart_.unit) << "</title></rect>";
    double end = at(bar.value);
    if (bar.low < bar.high) {
      end = std::max(end, at(bar.high));
      out_ << "<line class=\"range\" x1=\"" << at(bar.low) << "\" x2=\"" << at(bar.high)
           << "\" y1=\"" << y + kBar / 2 << "\" y2=\"" << y + kBar / 2 << "\"/>";
    }
    out_ << "<text class=\"value\" x=\"" << end + 6 << "\" y=\"" << y + kBar - 3 << "\">"
         << rounded(bar.value) << "</text>\n";
  }

  const GroupedBars& chart_;
  Axis axis_;
  double bottom_ = 0;
  std::ostringstream out_;
};

}  // namespace

std::string draw(const GroupedBars& chart) {
  return Drawing(chart).draw();
}

}  // namespace tidelock::agent::shootout
