#include "agent/report/axis.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "agent/words.h"

namespace tidelock::agent {

void Axis::include(double value) noexcept {
  high_ = std::max(high_, value);
  if (value > 0) low_ = std::min(low_, value);
}

void Axis::settle() noexcept {
  if (high_ <= 0) high_ = 1;
  if (!logarithmic_) return;
  low_ = std::pow(10, std::floor(std::log10(std::min(low_, high_))));
  high_ = std::pow(10, std::ceil(std::log10(high_)));
  if (high_ <= low_) high_ = low_ * 10;
}

double Axis::share(double value) const noexcept {
  if (!logarithmic_) return value / high_;
  return std::log10(std::max(value, low_) / low_) / std::log10(high_ / low_);
}

std::vector<double> Axis::ticks() const {
  if (!logarithmic_) return round_ticks(high_);
  std::vector<double> ticks;
  for (double tick = low_; tick <= high_ * 1.01; tick *= 10) ticks.push_back(tick);
  return ticks;
}

std::vector<double> round_ticks(double end) {
  const double magnitude = std::pow(10, std::floor(std::log10(end)));
  const double step = end / magnitude > 5   ? magnitude * 2
                      : end / magnitude > 2 ? magnitude
                                            : magnitude / 2;
  std::vector<double> ticks;
  for (int i = 0; step * i <= end * 1.0001; ++i) ticks.push_back(step * i);
  return ticks;
}

std::string tick_text(double tick) {
  if (tick >= 1e6) return rounded(tick / 1e6) + " M";
  std::ostringstream text;
  text << tick;
  return tick >= 1'000 ? rounded(tick) : text.str();
}

}  // namespace tidelock::agent
