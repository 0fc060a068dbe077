#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "manifest/version_edit.h"
#include "tidelock/status.h"

namespace tidelock::manifest {

// Keys from `first` to `last`, both inclusive; unset = no bound.
struct KeySpan {
  std::optional<std::string_view> first;
  std::optional<std::string_view> last;
};

// Which tables make up the database, and what else the manifest says: the sum of all edits up to
// some point. A value: a version that was shared is never changed, `apply` makes the next one.
// Copying costs one reference count per table. Threads may read one version together.
//
// Invariants, kept by `apply` whatever the edit says:
// - Level 0 is ordered by memtable number, newest first, each once (F2); keys may overlap.
// - Deeper levels are ordered by key, and no two tables of a level overlap.
// - Every table number is live once, and below `next_file_number`; no table holds a sequence number
//   above `last_sequence`.
// - F1: tables enter level 0 oldest memtable first, each memtable once: its log was still needed
//   before, and is not needed any more. So every memtable number of level 0 is below `oldest_log`.
// - A table leaves level 0 only if no older one that overlaps it stays there: an old value would
//   come up again.
// - `oldest_log`, `next_file_number` and `last_sequence` never decrease.
// - The seal names a log that is still needed. It is dropped when its log no longer is.
class Version {
 public:
  // Holds nothing; only an edit with creation options applies to it.
  Version() = default;

  // The next version, or kInvalid with the reason and nothing changed. (An edit that was read from
  // a file and does not apply is corruption; so `ManifestReader` says.) The second form may reuse
  // this version, which is lost also if the edit does not apply.
  [[nodiscard]] Result<Version> apply(const VersionEdit& edit) const&;
  [[nodiscard]] Result<Version> apply(const VersionEdit& edit) &&;

  // Precondition for this and the following: level < kLevels. Views live as long as the version.
  [[nodiscard]] std::span<const FilePtr> files(std::uint32_t level) const;
  [[nodiscard]] std::uint64_t level_bytes(std::uint32_t level) const;
  // Tables of the level that may hold keys of `keys`, in the level's order.
  [[nodiscard]] std::vector<FilePtr> overlapping(std::uint32_t level, const KeySpan& keys) const;
  // Index of the first table of a level > 0 whose largest key is not below `key`: the only one
  // there that may hold it. files(level).size() if there is none.
  [[nodiscard]] std::size_t find(std::uint32_t level, std::string_view key) const;

  // Numbers of all tables, ascending.
  [[nodiscard]] std::span<const std::uint64_t> live_numbers() const { return live_; }
  [[nodiscard]] bool live(std::uint64_t number) const;

  // Logs below it are not needed, nor are memtables below it.
  [[nodiscard]] std::uint64_t oldest_log() const { return oldest_log_; }
  // Where the oldest log begins: its LSN, and the last sequence number before it. Never decrease.
  [[nodiscard]] std::uint64_t oldest_lsn() const { return oldest_lsn_; }
  [[nodiscard]] std::uint64_t oldest_sequence() const { return oldest_sequence_; }
  [[nodiscard]] std::uint64_t next_file_number() const { return next_file_number_; }
  [[nodiscard]] std::uint64_t last_sequence() const { return last_sequence_; }
  // Set: replay must reach it, or acknowledged writes are missing. Unset: the last process did not
  // close in order, or its closing edit is lost (see ManifestReader).
  [[nodiscard]] const std::optional<Seal>& seal() const { return seal_; }
  // Precondition: an edit was applied.
  [[nodiscard]] const CreationOptions& created() const { return *created_; }
  [[nodiscard]] bool empty() const { return !created_; }

 private:
  using Level = std::vector<FilePtr>;

  // On error this version is half changed.
  Status change(const VersionEdit& edit);
  Status change_numbers(const VersionEdit& edit);
  Status change_seal(const VersionEdit& edit);
  Status remove_files(const std::vector<RemovedFile>& removed);
  Status remove_from_level(std::uint32_t level, const std::vector<std::uint64_t>& numbers);
  Status add_files(const std::vector<AddedFile>& added, std::uint64_t oldest_log_before);
  Status add_to_level_0(Level added, std::uint64_t oldest_log_before);
  Status add_to_deeper_level(std::uint32_t level, Level added);
  Status add_live(const std::vector<std::uint64_t>& numbers);

  std::array<Level, kLevels> levels_;
  std::vector<std::uint64_t> live_;  // ascending
  std::uint64_t oldest_log_ = 0;
  std::uint64_t oldest_lsn_ = 0;
  std::uint64_t oldest_sequence_ = 0;
  std::uint64_t next_file_number_ = 1;
  std::uint64_t last_sequence_ = 0;
  std::optional<Seal> seal_;
  std::optional<CreationOptions> created_;
};

// The one edit that makes `version` out of an empty one: the first record of a new manifest.
// Precondition: not empty().
[[nodiscard]] VersionEdit version_snapshot(const Version& version);

}  // namespace tidelock::manifest
