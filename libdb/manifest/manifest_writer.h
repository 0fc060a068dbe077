#pragma once

#include <cstdint>
#include <string>

#include "manifest/manifest_file.h"
#include "manifest/version_edit.h"
#include "os/file.h"
#include "tidelock/status.h"

// Writing manifests. Everything here is called by the holder of the `manifest` byte (or, while the
// database is made or rebuilt, of `open` exclusively) and by nobody else.
//
// The holder reads first: `read_to` the published length, then `read_all`. If the reader then is
// `synced` and not `outgrown`, he appends at its position. Otherwise, or when an append failed with
// kNotDurable, he makes a new manifest from a snapshot of the version with his edit applied,
// installs CURRENT, and unlinks the old manifest. Last he publishes number and length.
namespace tidelock::manifest {

// A new manifest with one record: `snapshot`, which must apply to an empty version (else kInvalid).
// File and name are on disk when it returns the end of it. `id.number` was never used before
// (kExists). A death leaves a file that CURRENT does not name; an error leaves nothing.
[[nodiscard]] Result<ManifestPosition> create_manifest(const std::string& directory,
                                                       const ManifestId& id,
                                                       const VersionEdit& snapshot,
                                                       const os::FileOwnership& ownership);

class ManifestWriter {
 public:
  [[nodiscard]] static Result<ManifestWriter> open(const std::string& directory,
                                                   const ManifestId& id);

  // Appends `edit` at `at`, which a reader of this manifest that was `synced` gave, and syncs it.
  // Yields the new end, which is to be published. That the edit applies is the caller's business.
  // kInvalid: somebody appended at `at` already; read on first. kTooLarge: the edit is.
  // kNotDurable: the edit is in the file, but the sync failed, or the file was unlinked. What
  // survives is unknown; another process may take the edit to be in force. So the tables of the
  // edit and of the version before it are kept until a new manifest stands.
  // Any other error: nothing was appended, and one may try again at `at`.
  //
  // A death leaves nothing, half a record (which readers pass over), or the edit in force: synced
  // and marked, or not, see ManifestReader::synced.
  [[nodiscard]] Result<ManifestPosition> append(const ManifestPosition& at,
                                                const VersionEdit& edit);

  // Says that the records up to `end` are on disk, and the name of the file too. Without the mark
  // they count all the same, see ManifestReader::synced; so a failure here is none of the caller's.
  void mark_end(const ManifestPosition& end);

  [[nodiscard]] const ManifestId& id() const { return file_.header().id; }

 private:
  explicit ManifestWriter(ManifestFile file);

  Status check_nothing_at(const ManifestPosition& at) const;
  Status sync_record();

  ManifestFile file_;
};

}  // namespace tidelock::manifest
