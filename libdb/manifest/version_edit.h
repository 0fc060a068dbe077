#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tidelock/options.h"
#include "tidelock/status.h"

// One step from a version to the next, and its bytes: the payload of a manifest record.
namespace tidelock::manifest {

inline constexpr std::uint32_t kLevels = 7;

// Persisted: never renumber.
enum class Engine : std::uint8_t { kLsm = 1 };

// Fixed when the database is created; stands in the first edit of every manifest.
struct CreationOptions {
  Engine engine = Engine::kLsm;
  std::uint64_t memtable_size = std::uint64_t{64} << 20;  // bytes
  std::uint32_t block_size = 4096;                        // bytes
  Compression compression = Compression::kNone;
  std::uint32_t bloom_bits_per_key = 10;
  CompactionStyle compaction_style = CompactionStyle::kLeveled;
  bool operator==(const CreationOptions&) const = default;
};

// What the manifest knows of a table file. Immutable once a version holds it.
struct FileMeta {
  std::uint64_t number = 0;
  // The memtable, that is its log, whose entries the table holds. Orders level 0 (rule F2);
  // 0 on deeper levels.
  std::uint64_t memtable_number = 0;
  std::uint64_t size = 0;     // bytes of the whole file
  std::uint64_t entries = 0;  // tombstones included
  std::uint64_t tombstones = 0;
  std::uint64_t data_blocks = 0;
  std::uint64_t highest_sequence = 0;
  std::string smallest;  // keys, both inclusive
  std::string largest;
  bool operator==(const FileMeta&) const = default;
};
using FilePtr = std::shared_ptr<const FileMeta>;

// Up to `end` the log `log` was whole and synced when the last process closed it; `chain` is its
// chained checksum there.
struct Seal {
  std::uint64_t log = 0;
  std::uint64_t end = 0;  // LSN
  std::uint64_t chain = 0;
  bool operator==(const Seal&) const = default;
};

struct AddedFile {
  std::uint32_t level = 0;
  FilePtr file;  // never null
};

struct RemovedFile {
  std::uint32_t level = 0;
  std::uint64_t number = 0;
  bool operator==(const RemovedFile&) const = default;
};

// What is unset stays as it is. Removals take effect before additions, so one edit may move a file.
struct VersionEdit {
  std::vector<RemovedFile> removed;
  std::vector<AddedFile> added;
  std::optional<std::uint64_t> oldest_log;
  // Where that log begins: its LSN, and the last sequence number before it.
  std::optional<std::uint64_t> oldest_lsn;
  std::optional<std::uint64_t> oldest_sequence;
  std::optional<std::uint64_t> next_file_number;
  std::optional<std::uint64_t> last_sequence;
  std::optional<Seal> seal;  // sets it
  bool clear_seal = false;   // not together with `seal`
  std::optional<CreationOptions> created;
};

// Deterministic: equal edits give equal bytes.
[[nodiscard]] std::vector<std::byte> encode_edit(const VersionEdit& edit);

// Any bytes may be given; memory used is proportional to them. kCorruption when they are no edit,
// kUnsupported, naming it, when they hold something a newer release may know: a field that may not
// be ignored, an engine, a compression, a compaction style, a keyspace. The message has the offset
// within `bytes`. What is decoded has the right shape only: whether it fits is for `Version::apply`
// to say.
[[nodiscard]] Result<VersionEdit> decode_edit(std::span<const std::byte> bytes);

}  // namespace tidelock::manifest
