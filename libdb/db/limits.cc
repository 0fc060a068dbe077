#include "db/limits.h"

#include <string>

#include "memtable/arena.h"
#include "tidelock/options.h"
#include "wal/format.h"

namespace tidelock {

Status too_large(const char* what, std::size_t size, std::size_t size_max) {
  return Status(StatusCode::kTooLarge, std::string("write: ") + what + " of " +
                                           std::to_string(size) + " bytes, at most " +
                                           std::to_string(size_max) + " are possible");
}

Status check_sizes(std::size_t key_size, std::size_t value_size) {
  if (key_size > kKeySizeMax) return too_large("a key", key_size, kKeySizeMax);
  if (value_size > kValueSizeMax) return too_large("a value", value_size, kValueSizeMax);
  return {};
}

Status check_fits(const lsm::WriteSet& set) {
  if (set.payload.size() > wal::kPayloadSizeMax) {
    return too_large("a batch with a log record", set.payload.size(), wal::kPayloadSizeMax);
  }
  const std::uint64_t arena = set.demand.fresh_arena_bytes();
  if (arena > memtable::kArenaBytesMax) {
    return too_large("a batch with a memtable", arena, memtable::kArenaBytesMax);
  }
  return {};
}

}  // namespace tidelock
