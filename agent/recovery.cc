#include "agent/recovery.h"

#include <algorithm>

namespace tidelock::agent {

std::vector<std::uint64_t> gaps_until_next_acknowledgement(std::span<const Journal> journals,
                                                           std::span<const std::uint64_t> moments) {
  std::vector<std::uint64_t> next(moments.size(), UINT64_MAX);
  for (const Journal& journal : journals) {
    // The acknowledgements of one journal ascend as the moments do: walk both together.
    std::size_t moment = 0;
    const std::uint64_t size = journal.size();
    for (std::uint64_t counter = 0; counter < size && moment < moments.size(); ++counter) {
      const Operation operation = *journal.find(counter);
      if (operation.outcome != Outcome::kAcknowledged) continue;
      for (; moment < moments.size() && moments[moment] < operation.end_ns; ++moment) {
        next[moment] = std::min(next[moment], operation.end_ns);
      }
    }
  }
  std::vector<std::uint64_t> gaps;
  for (std::size_t i = 0; i < moments.size(); ++i) {
    if (next[i] != UINT64_MAX) gaps.push_back(next[i] - moments[i]);
  }
  return gaps;
}

}  // namespace tidelock::agent
