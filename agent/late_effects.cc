#include "agent/late_effects.h"

#include <algorithm>

namespace tidelock::agent {
namespace {

template <typename Visit>
void for_each_write(std::span<const Journal> journals, Visit visit) {
  for (const Journal& journal : journals) {
    const std::uint64_t size = journal.size();
    for (std::uint64_t counter = 0; counter < size;) {
      const Operation operation = *journal.find(counter);
      visit(operation);
      counter = operation.batch + operation.batch_size;
    }
  }
}

}  // namespace

LateEffects::LateEffects(std::span<const Journal> journals) {
  for_each_write(journals, [this](const Operation& write) {
    if (write.abandoned_ns != 0) bounds_.emplace_back(write.abandoned_ns, UINT64_MAX);
  });
  std::sort(bounds_.begin(), bounds_.end());
  for_each_write(journals, [this](const Operation& write) {
    if (write.outcome != Outcome::kAcknowledged) return;
    const auto behind =
        std::partition_point(bounds_.begin(), bounds_.end(),
                             [&](const auto& bound) { return bound.first < write.begin_ns; });
    if (behind == bounds_.begin()) return;
    std::uint64_t& first_end = std::prev(behind)->second;
    first_end = std::min(first_end, write.end_ns);
  });
  for (std::size_t i = bounds_.size(); i-- > 1;) {
    bounds_[i - 1].second = std::min(bounds_[i - 1].second, bounds_[i].second);
  }
}

Operation LateEffects::bounded(Operation operation) const noexcept {
  if (operation.abandoned_ns == 0) return operation;
  const auto bound = std::partition_point(bounds_.begin(), bounds_.end(), [&](const auto& each) {
    return each.first < operation.abandoned_ns;
  });
  if (bound != bounds_.end()) operation.unanswered_until_ns = bound->second;
  return operation;
}

}  // namespace tidelock::agent
