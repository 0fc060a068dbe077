#include "agent/workload/mix.h"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "agent/workload/fields.h"

namespace tidelock::agent {

Result<ActionMix> ActionMix::parse(std::string_view text) {
  ActionMix mix;
  for (const std::string_view part : split(text, ',')) {
    const std::size_t equals = part.find('=');
    const std::optional<Action> action = action_of(part.substr(0, equals));
    const auto weight =
        equals == std::string_view::npos ? std::nullopt : parse_decimal(part.substr(equals + 1));
    if (!action || !weight) {
      std::string names;
      for (const std::string_view name : kActionNames) names += " " + std::string(name);
      return Status(StatusCode::kInvalid, "'" + std::string(part) +
                                              "' is no part of a mix such as get=95,put=5; there "
                                              "are" +
                                              names);
    }
    mix.add(*action, *weight);
  }
  if (mix.empty()) return Status(StatusCode::kInvalid, "a mix in which nothing has any weight");
  return mix;
}

void ActionMix::add(Action action, double weight) noexcept {
  for (std::size_t i = index_of(action); i < kActions; ++i) ends_[i] += weight;
  total_ += weight;
}

double ActionMix::share(Action action) const noexcept {
  if (empty()) return 0;
  const std::size_t i = index_of(action);
  return (ends_[i] - (i == 0 ? 0 : ends_[i - 1])) / total_;
}

std::string ActionMix::to_string() const {
  std::string text;
  for (std::size_t i = 0; i < kActions; ++i) {
    const double percent = share(static_cast<Action>(i)) * 100;
    if (percent == 0) continue;
    char part[64];
    std::snprintf(part, sizeof part, "%s%s=%.4g", text.empty() ? "" : ",", kActionNames[i].data(),
                  percent);
    text += part;
  }
  return text;
}

}  // namespace tidelock::agent
