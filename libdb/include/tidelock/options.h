#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tidelock/wait.h"

namespace tidelock {

class Snapshot;

enum class OpenMode : std::uint8_t {
  kOpen = 0,             // kNotFound when there is no database
  kCreate = 1,           // kExists when there is one
  kCreateIfMissing = 2,  // the directory itself is made too; its parent must exist
};

enum class Access : std::uint8_t {
  kReadWrite = 0,
  kReadOnly = 1,  // needs only read permission; takes no lock and is listed nowhere
};

// What an acknowledged write has survived.
enum class Durability : std::uint8_t {
  kProcess = 0,   // the death of any process; the kernel writes it to disk in its own time
  kDurable = 1,   // a power cut too: acknowledged after fdatasync covered it
  kPeriodic = 2,  // as kProcess, and synced at least every `Options::sync_period`
};

// Who flushes and compacts on behalf of this handle.
enum class Background : std::uint8_t {
  // A thread of this process, started when the first job is due, and one that syncs periodic
  // writes, started by the first of them. Joined by close.
  kThread = 0,
  // No thread ever. The calls that write do what nobody else does; while a handle with kUpkeep is
  // open in some process they leave it to that, unless it does not get on for ten seconds, or for
  // one while a write is held up.
  kNone = 1,
  // This handle promises to call `Db::upkeep` over and over, on behalf of all. Its one thread syncs
  // periodic writes, also those of others.
  kUpkeep = 2,
};

enum class Compression : std::uint8_t { kNone = 0, kLz4 = 1, kZstd = 2 };

enum class CompactionStyle : std::uint8_t {
  kLeveled = 0,
  kManual = 1,  // only on `Db::compact`; writers are then not held back by level 0
};

// Fixed when the database is created, recorded in its manifest. Unset: the default at creation,
// whatever the database has at open. Opening with another value than the recorded one: kInvalid.
struct FixedOptions {
  std::optional<std::size_t> memtable_size{};         // bytes, 64 KiB to 4 GiB; default 64 MiB
  std::optional<std::size_t> block_size{};            // bytes, 256 to 1 MiB; default 4 KiB
  std::optional<Compression> compression{};           // default kNone
  std::optional<std::uint32_t> bloom_bits_per_key{};  // 0 (no filter) to 32; default 10
  std::optional<CompactionStyle> compaction_style{};  // default kLeveled
};

struct Options {
  OpenMode mode = OpenMode::kOpen;
  Access access = Access::kReadWrite;
  Durability durability = Durability::kProcess;
  Wait wait{};
  Handover handover = Handover::kBounded;
  Background background = Background::kThread;
  // With kPeriodic: the sync of a write begins after at most this long, in a thread of this process
  // that does nothing else, or of another that found the writes of a dead one; without a thread, in
  // the next call of a process after that time. By close in any case. At least 1 ms.
  std::chrono::milliseconds sync_period{1'000};
  // Shown to those who wait for this process, cut after 48 bytes; default: the program's name.
  std::string label{};
  // Mode (permission bits only) and group of new files, whatever the umask. Unset: those of the
  // file CURRENT, so that all who share a database make files for each other; at creation, as the
  // umask and the directory say. The directory gets x where the files get r.
  std::optional<std::uint32_t> file_mode{};
  std::optional<std::uint32_t> file_group{};
  // Open on a file system that is not known to share mappings and locks between processes
  // correctly (network, FUSE, 9p, ...). All promises then rest on the caller's knowledge.
  bool allow_unsafe_file_system = false;
  // Append a human-readable account of flushes, compactions and recoveries to the file LOG.
  bool event_log = false;
  FixedOptions fixed{};
};

struct WriteOptions {
  std::optional<Durability> durability{};  // unset: the handle's
  std::optional<Wait> wait{};              // unset: the handle's
};

struct ReadOptions {
  const Snapshot* snapshot = nullptr;  // null: the newest state; else one of the same database
  // Read only what would survive a power cut now. Not together with `snapshot`.
  bool durable_only = false;
};

// Keys k with lower <= k < upper; unset = no bound.
struct KeyRange {
  std::optional<std::string> lower{};
  std::optional<std::string> upper{};
};

struct IterateOptions {
  KeyRange range{};
  std::string prefix{};  // only keys that begin so; combined with `range`
  ReadOptions read{};
};

inline constexpr std::size_t kKeySizeMax = 65'535;                  // bytes
inline constexpr std::size_t kValueSizeMax = std::size_t{1} << 30;  // bytes
inline constexpr std::size_t kBatchSizeMax = std::size_t{1} << 30;  // bytes of keys and values

}  // namespace tidelock
