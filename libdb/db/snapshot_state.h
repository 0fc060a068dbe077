#pragma once

#include <memory>
#include <utility>

#include "db/handle.h"
#include "lsm/view.h"
#include "manifest/current.h"
#include "tidelock/snapshot.h"

namespace tidelock {

struct Snapshot::State {
  std::shared_ptr<const Handle> handle;
  lsm::ReadPoint point;
  manifest::Uuid uuid;  // of the database
};

struct SnapshotAccess {
  using State = Snapshot::State;
  [[nodiscard]] static Snapshot make(std::shared_ptr<const Handle> handle, lsm::ReadPoint point,
                                     const manifest::Uuid& uuid) {
    return Snapshot(
        std::make_shared<const State>(State{std::move(handle), std::move(point), uuid}));
  }
  [[nodiscard]] static const State& state(const Snapshot& snapshot) { return *snapshot.state_; }
};

}  // namespace tidelock
