#include "agent/workload/pace.h"

#include <algorithm>
#include <cmath>

#include "agent/workload/fields.h"

namespace tidelock::agent {
namespace {

constexpr double kSecond = 1e9;  // ns

Status not_a_pace(std::string_view text) {
  return Status(
      StatusCode::kInvalid,
      "'" + std::string(text) + "' is no rate (examples: 1000 or 0-5000:30,5000:60,max:5,0:5)");
}

// After what time a rate that changes evenly has made `wanted` operations, if ever.
double time_for(double wanted, double rate, double slope) {
  if (slope == 0) return rate > 0 ? wanted / rate : INFINITY;
  const double root = rate * rate + 2 * slope * wanted;
  if (root < 0) return INFINITY;
  const double divisor = rate + std::sqrt(root);  // the stable form of (sqrt(root) - rate) / slope
  return divisor > 0 ? 2 * wanted / divisor : (wanted == 0 ? 0 : INFINITY);
}

}  // namespace

Pace Pace::steady(double rate) {
  Pace pace;
  pace.phases_.push_back({.first_rate = rate, .last_rate = rate, .seconds = 3600});
  pace.text_ = std::to_string(rate);
  return pace;
}

Result<Pace::Phase> Pace::parse_phase(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return not_a_pace(text);
  const std::string_view rate = text.substr(0, colon);
  const auto seconds = parse_decimal(text.substr(colon + 1));
  if (!seconds || *seconds < 0.001) return not_a_pace(text);
  if (rate == "max") return Phase{.unlimited = true, .seconds = *seconds};
  const std::size_t dash = rate.find('-');
  const auto first = parse_decimal(rate.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_decimal(rate.substr(dash + 1));
  if (!first || !last || std::max(*first, *last) > 1e9) return not_a_pace(text);
  return Phase{.first_rate = *first, .last_rate = *last, .seconds = *seconds};
}

Result<Pace> Pace::parse(std::string_view text) {
  const auto rate = parse_decimal(text);
  Pace pace;
  if (rate && *rate > 0 && *rate <= 1e9) {
    pace = steady(*rate);
  } else {
    for (const std::string_view part : split(text, ',')) {
      const Result<Phase> phase = parse_phase(part);
      if (!phase) return phase.error();
      pace.phases_.push_back(*phase);
    }
    const bool any = std::ranges::any_of(pace.phases_, [](const Phase& phase) {
      return phase.unlimited || phase.first_rate + phase.last_rate > 0;
    });
    if (!any) return not_a_pace(text);
  }
  pace.text_ = text;
  return pace;
}

Schedule::Schedule(const Pace& pace, std::uint64_t begin_ns, double lead)
    : pace_(pace), lead_(lead) {
  catch_up(static_cast<double>(begin_ns) / kSecond);
}

void Schedule::enter_next_phase() {
  phase_begin_ += pace_.phases_[phase_].seconds;
  phase_ = (phase_ + 1) % pace_.phases_.size();
  at_ = phase_begin_;
}

// What was due before is left out.
void Schedule::catch_up(double now) {
  while (phase_begin_ + pace_.phases_[phase_].seconds <= now) enter_next_phase();
  at_ = now;
}

Schedule::Due Schedule::next(std::uint64_t now_ns, std::uint64_t operations) {
  const auto wanted = static_cast<double>(operations);
  const double now = static_cast<double>(now_ns) / kSecond;
  for (;;) {
    const Pace::Phase& phase = pace_.phases_[phase_];
    const double end = phase_begin_ + phase.seconds;
    if (phase.unlimited && now < end) {
      at_ = std::max(at_, now);
      return {.ns = static_cast<std::uint64_t>(at_ * kSecond), .intended = false};
    }
    if (!phase.unlimited) {
      const double slope = (phase.last_rate - phase.first_rate) / phase.seconds;
      const double rate = phase.first_rate + slope * (at_ - phase_begin_);
      const double due = at_ + time_for(wanted - lead_, rate, slope);
      if (due < end) {
        at_ = due;
        lead_ = 0;
        return {.ns = static_cast<std::uint64_t>(due * kSecond)};
      }
      lead_ += (rate + phase.last_rate) / 2 * (end - at_);
    }
    enter_next_phase();
  }
}

}  // namespace tidelock::agent
