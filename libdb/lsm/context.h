#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lock/queue.h"
#include "lsm/event_log.h"
#include "manifest/current.h"
#include "manifest/version_edit.h"
#include "os/byte_lock.h"
#include "os/file.h"
#include "os/mapping.h"
#include "state/shared_state.h"
#include "tidelock/options.h"

namespace tidelock::lsm {

// Bytes of LOCK. Order in which they may be taken: job bytes (flush, prepare, compaction), then the
// writer lock, then `manifest`; never backwards. `open` is held for as long as one is attached.
inline constexpr std::uint64_t kOpenByte = 0;
inline constexpr std::uint64_t kRecoveryByte = 1;
inline constexpr std::uint64_t kManifestByte = 2;
inline constexpr std::uint64_t kFlushByte = 3;
inline constexpr std::uint64_t kPrepareByte = 4;
inline constexpr std::uint64_t kKeeperByte = 5;      // shared by all who promised to keep house
inline constexpr std::uint64_t kCompactionByte = 8;  // + level; the last below state::kJobBytes
inline constexpr std::uint64_t kMemberByte = 1024;   // + slot

// What the parts of an attachment share. Filled by the open protocol, constant afterwards.
struct Context {
  std::string directory;  // absolute
  Options options;
  manifest::Uuid uuid{};
  manifest::CreationOptions created;
  os::FileOwnership new_files;
  bool map_logs = false;                 // rule C8: mapped stores cannot fail on this file system
  std::unique_ptr<os::ByteLocks> locks;  // null: read-only, and there was no LOCK
  std::unique_ptr<state::SharedState> state;  // null: read-only, and nobody keeps a shared state
  std::optional<os::Mapping> queue_file;      // what `queue` lives in
  std::unique_ptr<lock::Queue> queue;         // null: read-only
  std::unique_ptr<EventLog> events;           // never null

  [[nodiscard]] const os::FileOwnership& ownership() const { return new_files; }
  [[nodiscard]] bool read_only() const { return options.access == Access::kReadOnly; }
};

}  // namespace tidelock::lsm
