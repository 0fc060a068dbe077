#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "lock/layout.h"
#include "lock/members.h"
#include "os/byte_lock.h"
#include "tidelock/lock_queue.h"
#include "tidelock/status.h"

// What can be seen of a queue file without taking part.
namespace tidelock::lock {

// Reads only, so the mapping may be read-only and the one who looks need not be a member. What it
// reads changes meanwhile: each answer was true of its part at some moment. Whatever the file
// holds, each call ends after one pass over ring, members and history, and labels are cut.
class Sight {
 public:
  // Precondition: `valid` accepts the file. All must outlive this.
  Sight(QueueFile& file, const Members& members) noexcept : file_(file), members_(members) {}

  [[nodiscard]] LockInfo info() const;
  // Who holds the lock or is offered it, and how many wait; not one's own place.
  [[nodiscard]] BusyInfo busy_info() const;

 private:
  [[nodiscard]] std::vector<LockWaiter> waiters() const;
  [[nodiscard]] std::vector<LockHandover> history() const;
  [[nodiscard]] std::chrono::nanoseconds held_for() const;

  QueueFile& file_;
  const Members& members_;
};

// Where the queue of a lock that one is not attached to lives. The bytes may be mapped read-only,
// and the probe's file be open for reading only.
struct DistantSite {
  std::span<std::byte> bytes;
  os::ByteLocks& probe;
  std::uint64_t open_byte;  // exclusive: being laid out; shared: in use
  std::uint64_t first_member_byte;
};

// A queue that nobody is attached to, or that is being laid out, is free and empty, unless
// `trusted_when_idle`: whether what members who are gone have left may be believed, because it is
// of this boot and mount. kUnsupported: in use, with a layout that is not of this release.
[[nodiscard]] Result<LockInfo> look(const DistantSite& site, bool trusted_when_idle);

}  // namespace tidelock::lock
