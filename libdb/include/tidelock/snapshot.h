#pragma once

#include <cstdint>
#include <memory>

namespace tidelock {

// One point in the commit order, held still. Copies share it. It pins mappings inside this process
// only: it blocks nobody, is visible to nobody, and costs disk space as long as it lives, because
// the kernel keeps unlinked files that are mapped. May outlive its `Db`; reads through it then
// answer kClosed. Thread-safe.
class Snapshot {
 public:
  // The sequence number of the newest operation it sees; grows with every committed operation.
  [[nodiscard]] std::uint64_t sequence() const noexcept;

 private:
  friend struct SnapshotAccess;
  struct State;
  explicit Snapshot(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace tidelock
