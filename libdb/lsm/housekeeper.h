#pragma once

#include <chrono>
#include <cstdint>

#include "lsm/context.h"
#include "lsm/jobs.h"
#include "lsm/periodic_sync.h"
#include "lsm/view.h"
#include "tidelock/status.h"
#include "tidelock/upkeep.h"

namespace tidelock::lsm {

// All that is due on behalf of everybody, round after round: one job, the sync of periodic writes,
// the newest tables, a sweep now and then, settling while nobody writes. One thread at a time; it
// holds nothing between rounds, so it may stop or die there.
class Housekeeper {
 public:
  // `glance`: how often to look for work while somebody writes.
  Housekeeper(Context& context, Jobs& jobs, PeriodicSync& periodic, ViewSource& views,
              std::chrono::milliseconds glance);

  [[nodiscard]] Upkeep round(const UpkeepOptions& options = {});

 private:
  void sweep_if_time(Upkeep& told, bool at_once);
  [[nodiscard]] bool nobody_writes();
  void note(Upkeep& told, const Status& found);

  Context& context_;
  Jobs& jobs_;
  PeriodicSync& periodic_;
  ViewSource& views_;
  const std::chrono::milliseconds glance_;
  std::chrono::nanoseconds next_sweep_;
  std::uint64_t last_end_ = 0;  // of the log, when it was last seen to move
  std::chrono::nanoseconds last_write_{0};
};

}  // namespace tidelock::lsm
