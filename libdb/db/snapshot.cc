#include "tidelock/snapshot.h"

#include "db/snapshot_state.h"

namespace tidelock {

std::uint64_t Snapshot::sequence() const noexcept {
  return state_->point.sequence;
}

}  // namespace tidelock
