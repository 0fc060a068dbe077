#pragma once

#include <array>
#include <string>
#include <string_view>

#include "agent/random.h"
#include "agent/workload/action.h"
#include "tidelock/status.h"

namespace tidelock::agent {

// Which share of its operations a client spends on what.
class ActionMix {
 public:
  // "get=95,put=5": weights, of which only the proportions count. kInvalid says what is wrong.
  [[nodiscard]] static Result<ActionMix> parse(std::string_view text);

  // Weights add up.
  void add(Action action, double weight) noexcept;
  [[nodiscard]] bool empty() const noexcept { return total_ == 0; }
  // 0 to 1.
  [[nodiscard]] double share(Action action) const noexcept;
  // Precondition: not empty.
  [[nodiscard]] Action choose(Random& random) const noexcept {
    const double at = random.unit() * total_;
    std::size_t i = 0;
    while (i + 1 < kActions && at >= ends_[i]) ++i;
    return static_cast<Action>(i);
  }
  // As `parse` takes it, in percent.
  [[nodiscard]] std::string to_string() const;

 private:
  std::array<double, kActions> ends_{};  // of each action's part of [0, total)
  double total_ = 0;
};

}  // namespace tidelock::agent
