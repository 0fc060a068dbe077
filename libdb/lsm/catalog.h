#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>

#include "lsm/context.h"
#include "lsm/job_byte.h"
#include "manifest/manifest_reader.h"
#include "manifest/version.h"
#include "os/clock.h"
#include "os/timed_mutex.h"
#include "state/layout.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// Which tables there are: the manifest, and its publication as the table half of the view.
//
// An installation goes through these steps under the `manifest` byte; killed
//   before the append is synced:   nothing happened, or the edit is in force (the reader decides);
//   before the table half follows: the edit is in force and nobody has adopted it. Whoever takes
//                                  the byte next reads the tail and publishes it first (rule V3).
// Readers see the old half or the new one; both name only tables that are on disk.
class Catalog {
 public:
  explicit Catalog(Context& context) : context_(context) {}

  // The version that a published half names. kNotFound or kCorruption when the half is outdated
  // by now, or the manifest damaged: the caller compares the half again.
  [[nodiscard]] Result<manifest::Version> version_of(const state::TableHalf& half);

  // Makes an edit out of the newest version, or an error to leave everything as it is.
  using Plan = std::function<Result<manifest::VersionEdit>(const manifest::Version&)>;
  // The version with the plan's edit, installed and published. Blocks for a sync, and for others
  // who install. kTimedOut if the byte is not to be had before the deadline. kNotDurable: the edit
  // may be in force, so files of either version must be kept. After every other error it is not.
  [[nodiscard]] Result<manifest::Version> install(const Plan& plan, const os::Deadline& deadline);
  // V3: publishes what the manifest says, if the table half lags behind it. Its version.
  [[nodiscard]] Result<manifest::Version> catch_up(const os::Deadline& deadline);
  // The same; also removes manifests that killed installers left.
  [[nodiscard]] Result<manifest::Version> sweep(const os::Deadline& deadline);

 private:
  // The right to install, against threads of this process and against others.
  struct Right {
    std::unique_lock<os::TimedMutex> mutex;
    JobByte byte;
  };
  [[nodiscard]] Result<Right> take_right(const os::Deadline& deadline);
  [[nodiscard]] Result<manifest::Version> read_newest();
  [[nodiscard]] Status write(const manifest::VersionEdit& edit, const manifest::Version& next);
  [[nodiscard]] Status replace_manifest(const manifest::Version& next);
  [[nodiscard]] Status reopen(std::uint64_t length);
  void publish(const manifest::Version& version);

  Context& context_;
  // Two readers, so that an adoption does not wait for the sync of an installation.
  std::mutex adopt_mutex_;
  std::optional<manifest::ManifestReader> adopted_;  // under adopt_mutex_
  os::TimedMutex install_mutex_;
  std::optional<manifest::LiveManifest> newest_;  // under install_mutex_
  std::uint64_t replaced_ = 0;  // manifest to remove once its successor is published; 0: none
};

}  // namespace tidelock::lsm
