#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "manifest/current.h"
#include "manifest/manifest_file.h"
#include "manifest/version.h"
#include "tidelock/options.h"
#include "tidelock/status.h"

namespace tidelock::manifest {

// Follows one manifest: reads what was appended since it last looked, and has the version that all
// of it adds up to. Needs read permission only, takes no lock, and may read while another process
// appends. One thread at a time.
//
// What a damaged or cut manifest looks like:
// - A bit that changed is kCorruption with file and offset, at the latest when the record is first
//   read, as long as anything proves that the record was synced: a published length, a later
//   record, or the end mark, which is on disk some seconds after the append. Without any of these
//   the last record cannot be told from an append that a power cut tore, and ends the manifest.
//   The first record is proved by CURRENT.
// - A manifest cut short below its published length is kCorruption. Without a published length
//   (after a reboot) one cut short behind its first record is the manifest as it was some edits
//   before. The caller notices when tables or logs that this older version needs are gone; if the
//   database had been closed in order, the seal is missing, so that it looks like one that was
//   not, and replay goes to the end of the logs.
class ManifestReader {
 public:
  // Reads nothing yet but the header: `version()` is empty. kNotFound as ManifestFile::open.
  [[nodiscard]] static Result<ManifestReader> open(const std::string& directory,
                                                   const ManifestId& id);

  // Reads on, up to exactly `published`: a length that the STATE of a running database gives, at
  // or behind which a synced record ends. Nothing to do if that was read before.
  // kCorruption: there is damage, or no record ends there. The version then is that of the records
  // before it; it stays empty for ever if an edit did not apply.
  [[nodiscard]] Status read_to(std::uint64_t published);
  // Reads on to the end: every whole record. A half-written one behind them is no error, and the
  // next append goes over it.
  [[nodiscard]] Status read_all();

  // As of what was read.
  [[nodiscard]] const Version& version() const { return version_; }
  [[nodiscard]] const ManifestPosition& position() const { return position_; }
  [[nodiscard]] const ManifestId& id() const { return file_.header().id; }
  // What was read is proved to be synced, by a published length or by the end mark. If it is not,
  // the last record's writer died or failed before its sync ended: its edit is in force, but
  // nothing may be appended behind it. Then, and then only, the next edit goes to a new manifest
  // (C6).
  [[nodiscard]] bool synced() const { return synced_length_ >= position_.length; }
  // It is time for a new manifest: this one is longer than 1 MiB and 4 times its first record.
  [[nodiscard]] bool outgrown() const;

 private:
  explicit ManifestReader(ManifestFile file);

  Status adopt(ManifestFile::Record record);
  [[nodiscard]] Result<Version> apply_or_start_again(const VersionEdit& edit);
  Status damage_at(std::uint64_t offset, const std::string& what) const;

  ManifestFile file_;
  Version version_;
  ManifestPosition position_;
  std::uint64_t first_record_end_ = 0;
  std::uint64_t synced_length_ = 0;
  Status failure_;  // an edit did not apply: final
};

// CURRENT, and a reader of the manifest it names, nothing read yet. Copes with a manifest that is
// replaced meanwhile. kNotFound: no database. A manifest that is missing is kCorruption.
struct LiveManifest {
  Current current;
  ManifestReader reader;
};
[[nodiscard]] Result<LiveManifest> open_live_manifest(const std::string& directory, Access access);

}  // namespace tidelock::manifest
