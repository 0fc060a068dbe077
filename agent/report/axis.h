#pragma once

#include <string>
#include <vector>

namespace tidelock::agent {

// Places values on an axis that begins at 0, or on a logarithmic one of whole decades, whose least
// decade also takes what is below it.
class Axis {
 public:
  explicit Axis(bool logarithmic) : logarithmic_(logarithmic) {}
  void include(double value) noexcept;
  // After the last value, before anything is placed.
  void settle() noexcept;

  [[nodiscard]] double share(double value) const noexcept;  // 0 at its begin, 1 at its end
  [[nodiscard]] std::vector<double> ticks() const;

 private:
  bool logarithmic_;
  double low_ = 1e300;  // the least that is not 0
  double high_ = 0;
};

// From 0, in steps of 1, 2 or 5 times a power of ten.
[[nodiscard]] std::vector<double> round_ticks(double end);
[[nodiscard]] std::string tick_text(double tick);

}  // namespace tidelock::agent
