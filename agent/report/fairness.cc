#include "agent/report/fairness.h"

#include <algorithm>

#include "agent/report/spread.h"

namespace tidelock::agent {

void Fairness::begin(std::uint64_t now_ns) {
  due_ns_ = now_ns + kWindow;
  done_.clear();
  for (const WriterStats& writer : writers_) done_.push_back(writer.done());
}

void Fairness::look(std::uint64_t now_ns) {
  std::vector<double> turns;
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    const std::uint64_t done = writers_[i].done();
    if (writers_[i].finished_ns.get() == 0) turns.push_back(static_cast<double>(done - done_[i]));
    done_[i] = done;
  }
  const bool any = std::any_of(turns.begin(), turns.end(), [](double n) { return n > 0; });
  if (any) indices_.push_back(jain_index(turns));
  due_ns_ = now_ns + kWindow;
}

std::optional<double> Fairness::median() const {
  if (indices_.empty()) return std::nullopt;
  return spread_of(indices_).median;
}

}  // namespace tidelock::agent
