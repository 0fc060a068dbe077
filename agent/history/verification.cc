#include "agent/history/verification.h"

#include "agent/history/batches.h"
#include "agent/history/commit_order.h"
#include "agent/history/key_order.h"
#include "agent/history/recorded.h"

namespace tidelock::agent::history {

Verification verify(std::span<const Journal> journals, std::span<const ReadLog> logs,
                    std::uint32_t key_count) {
  Verification result;
  const Recorded recorded(journals, logs, key_count, result.violations);
  result.readings = recorded.reads().size();
  for (std::size_t i = 0; i < recorded.points().size(); ++i) {
    const bool snapshot = recorded.points()[i].is_snapshot();
    if (snapshot) ++result.snapshots;
    if (!snapshot && recorded.reads_at(i).size() > 1) ++result.walks;
  }
  for (std::size_t i = 0; i < recorded.writes().size(); ++i) {
    const Write& write = recorded.writes()[i];
    if (write.batch != i || write.refused) continue;
    ++result.writes;
    if (write.batch_size > 1) ++result.batches;
    if (write.answered) continue;
    if (write.seen) ++result.unanswered;
    if (write.end_ns != UINT64_MAX) ++result.bounded;
  }
  check_key_order(recorded, result.violations);
  check_batches(recorded, result.violations);
  check_commit_order(recorded, result.violations);
  return result;
}

}  // namespace tidelock::agent::history
