#include "agent/report/chart.h"

#include <algorithm>
#include <sstream>

#include "agent/report/axis.h"
#include "agent/report/page.h"
#include "agent/words.h"

namespace tidelock::agent {
namespace {

constexpr double kNamesMax = 210, kPlot = 470, kLabels = 110, kRow = 26, kHead = 8, kFoot = 30;

// From values to the plot's pixels.
class Scale {
 public:
  explicit Scale(const Chart& chart) : axis_(chart.series.size() > 1) {
    constexpr double kLetter = 7;
    for (const ChartRow& row : chart.rows) {
      const double name = 16 + kLetter * static_cast<double>(row.name.size());
      left_ = std::min(kNamesMax, std::max(left_, name));
      for (const double value : row.values) axis_.include(value);
      for (const double value : row.spread) axis_.include(value);
    }
    axis_.settle();
  }
  [[nodiscard]] double at(double value) const { return left_ + kPlot * axis_.share(value); }
  [[nodiscard]] double left() const { return left_; }
  [[nodiscard]] double width() const { return left_ + kPlot + kLabels; }
  [[nodiscard]] std::vector<double> ticks() const { return axis_.ticks(); }

 private:
  Axis axis_;
  double left_ = 0;  // of which are the names
};

void draw_axis(std::ostream& out, const Chart& chart, const Scale& scale, double bottom) {
  for (const double tick : scale.ticks()) {
    out << "<line class=\"grid\" x1=\"" << scale.at(tick) << "\" x2=\"" << scale.at(tick)
        << "\" y1=\"" << kHead << "\" y2=\"" << bottom << "\"/><text class=\"tick\" x=\""
        << scale.at(tick) << "\" y=\"" << bottom + 16 << "\">" << tick_text(tick) << "</text>";
  }
  out << "<text class=\"unit\" x=\"" << scale.width() - 4 << "\" y=\"" << bottom + 16 << "\">"
      << escaped(chart.unit) << "</text>\n";
}

void draw_bar(std::ostream& out, const ChartRow& row, const Scale& scale, double y) {
  const double value = row.values.front();
  if (value < 0) return;
  out << "<rect class=\"s0\" x=\"" << scale.left() << "\" y=\"" << y + 5 << "\" width=\""
      << std::max(1.0, scale.at(value) - scale.left()) << "\" height=\"" << kRow - 10 << "\"/>";
  double end = scale.at(value);
  for (const double each : row.spread) {
    end = std::max(end, scale.at(each));
    out << "<line class=\"each\" x1=\"" << scale.at(each) << "\" x2=\"" << scale.at(each)
        << "\" y1=\"" << y + 3 << "\" y2=\"" << y + kRow - 3 << "\"/>";
  }
  out << "<text class=\"value\" x=\"" << end + 6 << "\" y=\"" << y + 17 << "\">" << rounded(value)
      << "</text>";
}

void draw_dots(std::ostream& out, const Chart& chart, const ChartRow& row, const Scale& scale,
               double y) {
  double from = 1e300, to = 0;
  for (const double value : row.values) {
    if (value < 0) continue;
    from = std::min(from, scale.at(value));
    to = std::max(to, scale.at(value));
  }
  if (to == 0) return;
  const double middle = y + kRow / 2;
  out << "<line class=\"range\" x1=\"" << from << "\" x2=\"" << to << "\" y1=\"" << middle
      << "\" y2=\"" << middle << "\"/>";
  for (std::size_t i = 0; i < row.values.size(); ++i) {
    if (row.values[i] < 0) continue;
    out << "<circle class=\"s" << i << "\" cx=\"" << scale.at(row.values[i]) << "\" cy=\"" << middle
        << "\" r=\"5\"><title>" << escaped(row.name + ", " + chart.series[i]) << ": "
        << rounded(row.values[i]) << ' ' << escaped(chart.unit) << "</title></circle>";
  }
  out << "<text class=\"value\" x=\"" << to + 9 << "\" y=\"" << y + 17 << "\">"
      << rounded(*std::max_element(row.values.begin(), row.values.end())) << "</text>";
}

void draw_legend(std::ostream& out, const Chart& chart) {
  if (chart.series.size() < 2) return;
  out << "<p class=\"legend\">";
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    out << "<span><svg width=\"12\" height=\"12\"><circle class=\"s" << i
        << "\" cx=\"6\" cy=\"6\" r=\"5\"/></svg> " << escaped(chart.series[i]) << "</span> ";
  }
  out << "</p>\n";
}

}  // namespace

std::string draw(const Chart& chart) {
  std::ostringstream out;
  const Scale scale(chart);
  const double bottom = kHead + kRow * static_cast<double>(chart.rows.size());
  out << "<figure><figcaption><b>" << escaped(chart.title) << "</b> " << escaped(chart.note)
      << "</figcaption>\n";
  draw_legend(out, chart);
  out << "<svg viewBox=\"0 0 " << scale.width() << ' ' << bottom + kFoot
      << "\" role=\"img\" aria-label=\"" << escaped(chart.title) << "\">\n";
  draw_axis(out, chart, scale, bottom);
  for (std::size_t i = 0; i < chart.rows.size(); ++i) {
    const double y = kHead + kRow * static_cast<double>(i);
    out << "<text class=\"name\" x=\"" << scale.left() - 8 << "\" y=\"" << y + 17 << "\">"
        << escaped(chart.rows[i].name) << "</text>";
    if (chart.series.size() > 1) {
      draw_dots(out, chart, chart.rows[i], scale, y);
    } else {
      draw_bar(out, chart.rows[i], scale, y);
    }
    out << '\n';
  }
  out << "</svg></figure>\n";
  return out.str();
}

}  // namespace tidelock::agent
