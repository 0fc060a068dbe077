#include "agent/report/line_chart.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <sstream>

#include "agent/report/axis.h"
#include "agent/report/page.h"
#include "agent/words.h"

namespace tidelock::agent {
namespace {

constexpr double kLeft = 64, kRight = 16, kTop = 10, kBottom = 30, kPlotWidth = 520,
                 kPlotHeight = 200;
constexpr double kWidth = kLeft + kPlotWidth + kRight, kHeight = kTop + kPlotHeight + kBottom;
constexpr std::size_t kStretches = 260;  // of a line with more than twice as many points
constexpr std::size_t kMarksMax = 400;

// From values to pixels.
class Plot {
 public:
  explicit Plot(const LineChart& chart)
      : x_end_(std::max(chart.x.empty() ? 1 : chart.x.back(), 1e-9)), values_(range_of(chart)) {}
  [[nodiscard]] double x(double at) const { return kLeft + kPlotWidth * at / x_end_; }
  [[nodiscard]] double y(double value) const {
    return kTop + kPlotHeight * (1 - values_.share(value));
  }
  [[nodiscard]] double x_end() const { return x_end_; }
  [[nodiscard]] const Axis& values() const { return values_; }

 private:
  static Axis range_of(const LineChart& chart) {
    Axis axis(chart.logarithmic);
    axis.include(chart.reach);
    for (const Line& line : chart.lines) {
      for (const double value : line.values) axis.include(value);
    }
    axis.settle();
    return axis;
  }
  double x_end_;
  Axis values_;
};

void draw_grid(std::ostream& out, const LineChart& chart, const Plot& plot) {
  const double bottom = kTop + kPlotHeight;
  for (const double tick : plot.values().ticks()) {
    out << "<line class=\"grid\" x1=\"" << kLeft << "\" x2=\"" << kLeft + kPlotWidth << "\" y1=\""
        << plot.y(tick) << "\" y2=\"" << plot.y(tick) << "\"/><text class=\"name\" x=\""
        << kLeft - 8 << "\" y=\"" << plot.y(tick) + 4 << "\">" << tick_text(tick) << "</text>";
  }
  std::vector<std::pair<double, std::string>> ticks = chart.x_ticks;
  if (ticks.empty()) {
    for (const double tick : round_ticks(plot.x_end())) ticks.emplace_back(tick, tick_text(tick));
  }
  for (const auto& [at, text] : ticks) {
    if (at > plot.x_end() * 1.0001) continue;
    out << "<line class=\"grid\" x1=\"" << plot.x(at) << "\" x2=\"" << plot.x(at) << "\" y1=\""
        << kTop << "\" y2=\"" << bottom << "\"/><text class=\"tick\" x=\"" << plot.x(at)
        << "\" y=\"" << bottom + 16 << "\">" << escaped(text) << "</text>";
  }
  out << "<text class=\"unit\" x=\"" << kWidth - 4 << "\" y=\"" << kHeight - 2 << "\">"
      << escaped(chart.x_unit) << "</text>\n";
}

void draw_marks(std::ostream& out, const LineChart& chart, const Plot& plot) {
  const std::size_t step = chart.marks.size() / kMarksMax + 1;
  for (std::size_t i = 0; i < chart.marks.size(); i += step) {
    const double x = plot.x(std::min(chart.marks[i], plot.x_end()));
    out << "<line class=\"mark\" x1=\"" << x << "\" x2=\"" << x << "\" y1=\""
        << kTop + kPlotHeight - 12 << "\" y2=\"" << kTop + kPlotHeight << "\"/>";
  }
}

// Which points of a line are drawn.
std::vector<std::size_t> chosen_points(const std::vector<double>& values, std::size_t count) {
  std::vector<std::size_t> points;
  const std::size_t stretches = count > 2 * kStretches ? kStretches : count;
  for (std::size_t i = 0; i < stretches; ++i) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(i * count / stretches);
    const auto end = values.begin() + static_cast<std::ptrdiff_t>((i + 1) * count / stretches);
    const auto [least, greatest] = std::minmax_element(begin, end);
    const auto low = static_cast<std::size_t>(least - values.begin());
    const auto high = static_cast<std::size_t>(greatest - values.begin());
    points.push_back(std::min(low, high));
    if (low != high) points.push_back(std::max(low, high));
  }
  return points;
}

void draw_line(std::ostream& out, const LineChart& chart, const Plot& plot, std::size_t which) {
  const std::vector<double>& values = chart.lines[which].values;
  const std::vector<std::size_t> points =
      chosen_points(values, std::min(values.size(), chart.x.size()));
  std::ostringstream path;
  bool joined = false;
  for (const std::size_t i : points) {
    if (values[i] >= 0) {
      path << (joined ? 'L' : 'M') << plot.x(chart.x[i]) << ' ' << plot.y(values[i]);
    }
    joined = values[i] >= 0;
  }
  if (path.str().empty()) return;
  out << "<path class=\"l" << which << "\" d=\"" << path.str() << "\"/>";
  if (points.size() == 1) {  // a line of one point is none
    out << "<circle class=\"f" << which << "\" cx=\"" << plot.x(chart.x[points[0]]) << "\" cy=\""
        << plot.y(values[points[0]]) << "\" r=\"4\"/>";
  }
  out << '\n';
}

void draw_legend(std::ostream& out, const LineChart& chart) {
  out << "<p class=\"legend\">";
  for (std::size_t i = 0; i < chart.lines.size() && chart.lines.size() > 1; ++i) {
    out << "<span><svg viewBox=\"0 0 12 12\"><path class=\"l" << i << "\" d=\"M0 6L12 6\"/></svg> "
        << escaped(chart.lines[i].name) << "</span> ";
  }
  if (!chart.marks.empty()) {
    out << "<span><svg viewBox=\"0 0 12 12\"><line class=\"mark\" x1=\"6\" x2=\"6\" y1=\"0\" "
           "y2=\"12\"/></svg> a client killed</span>";
  }
  out << "</p>\n";
}

}  // namespace

std::string draw(const LineChart& chart) {
  std::ostringstream out;
  const Plot plot(chart);
  out << "<figure><figcaption><b>" << escaped(chart.title) << "</b>, " << escaped(chart.unit)
      << ". " << escaped(chart.note) << "</figcaption>\n";
  draw_legend(out, chart);
  out << "<svg viewBox=\"0 0 " << kWidth << ' ' << kHeight << "\" role=\"img\" aria-label=\""
      << escaped(chart.title) << "\">\n";
  draw_grid(out, chart, plot);
  draw_marks(out, chart, plot);
  for (std::size_t i = 0; i < chart.lines.size(); ++i) draw_line(out, chart, plot, i);
  out << "</svg></figure>\n";
  return out.str();
}

}  // namespace tidelock::agent
