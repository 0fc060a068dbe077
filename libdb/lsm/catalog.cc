#include "lsm/catalog.h"

#include <string>
#include <utility>
#include <vector>

#include "lsm/place.h"
#include "manifest/manifest_writer.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

// What failed after an edit was, or may have been, written: the edit may be in force.
Status in_doubt(const Status& cause) {
  if (cause.code() == StatusCode::kNotDurable) return cause;
  return Status(StatusCode::kNotDurable, "install: " + cause.message());
}

}  // namespace

Result<manifest::Version> Catalog::version_of(const state::TableHalf& half) {
  const std::lock_guard guard(adopt_mutex_);
  if (!adopted_ || adopted_->id().number != half.manifest_number ||
      adopted_->position().length > half.manifest_length) {
    adopted_.reset();
    Result<manifest::ManifestReader> opened =
        manifest::ManifestReader::open(context_.directory, {context_.uuid, half.manifest_number});
    if (!opened) return opened.error();
    adopted_.emplace(std::move(*opened));
  }
  if (Status status = adopted_->read_to(half.manifest_length); !status.ok()) {
    adopted_.reset();
    return status;
  }
  return adopted_->version();
}

Result<Catalog::Right> Catalog::take_right(const os::Deadline& deadline) {
  const std::string what = "install in " + context_.directory;
  std::unique_lock mutex(install_mutex_, deadline.left_at_most(std::chrono::hours(24)));
  if (!mutex) return Status(StatusCode::kTimedOut, what + ": another thread is at it");
  Result<JobByte> byte = JobByte::take(context_, kManifestByte, deadline, what);
  if (!byte) return byte.error();
  return Right{std::move(mutex), std::move(*byte)};
}

Result<manifest::Version> Catalog::install(const Plan& plan, const os::Deadline& deadline) {
  const Result<Right> right = take_right(deadline);
  if (!right) return right.error();
  Result<manifest::Version> version = read_newest();
  if (!version) return version.error();
  Result<manifest::VersionEdit> edit = plan(*version);
  if (!edit) return edit.error();
  edit->next_file_number = (*context_.state)->next_file_number.load(std::memory_order_relaxed);
  Result<manifest::Version> next = version->apply(*edit);
  if (!next) return next.error();
  TIDELOCK_CRASH_POINT("install.planned");
  if (Status status = write(*edit, *next); !status.ok()) {
    newest_.reset();
    return status;
  }
  TIDELOCK_CRASH_POINT("install.written");
  publish(*next);
  TIDELOCK_CRASH_POINT("install.published");
  return next;
}

Result<manifest::Version> Catalog::catch_up(const os::Deadline& deadline) {
  const Result<Right> right = take_right(deadline);
  if (!right) return right.error();
  return read_newest();
}

Result<manifest::Version> Catalog::sweep(const os::Deadline& deadline) {
  const Result<Right> right = take_right(deadline);
  if (!right) return right.error();
  Result<manifest::Version> version = read_newest();
  if (!version) return version;
  Result<std::vector<std::string>> names = os::list_directory(context_.directory);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const auto file = state::parse_file_name(name);
    if (!file || file->kind != state::FileKind::kManifest) continue;
    if (file->number == newest_->reader.id().number) continue;
    if (Status status = check_place(context_); !status.ok()) return status;
    TIDELOCK_CRASH_POINT("sweep.removing_manifest");
    (void)os::unlink_file(context_.directory + "/" + name);
  }
  return version;
}

// What the manifest says, published if it was not. Precondition: `manifest` byte held.
Result<manifest::Version> Catalog::read_newest() {
  if (Status status = check_place(context_); !status.ok()) return status;
  Result<manifest::Current> current =
      manifest::read_current(context_.directory, context_.options.access);
  if (!current) return current.error();
  if (current->uuid != context_.uuid) return another_database(context_);
  if (!newest_ || newest_->current.manifest_number != current->manifest_number) {
    newest_.reset();
    Result<manifest::LiveManifest> opened =
        manifest::open_live_manifest(context_.directory, context_.options.access);
    if (!opened) return opened.error();
    newest_.emplace(std::move(*opened));
  }
  const state::TableHalf half = (*context_.state)->tables.load().value;
  const bool same = half.manifest_number == current->manifest_number;
  if (same) {
    if (Status status = newest_->reader.read_to(half.manifest_length); !status.ok()) return status;
  }
  if (Status status = newest_->reader.read_all(); !status.ok()) return status;
  const manifest::Version version = newest_->reader.version();
  if (!same || newest_->reader.position().length != half.manifest_length) {
    // Its writer died before the sync ended, or right after it: now it must be on disk, and seen.
    if (!newest_->reader.synced()) {
      if (Status status = replace_manifest(version); !status.ok()) return status;
    } else if (!same) {
      // The one who renamed CURRENT may have died before its directory was synced.
      if (Status status = os::sync_directory(context_.directory); !status.ok()) return status;
    }
    publish(version);
  }
  return version;
}

Status Catalog::write(const manifest::VersionEdit& edit, const manifest::Version& next) {
  manifest::ManifestReader& reader = newest_->reader;
  if (!reader.synced() || reader.outgrown()) return replace_manifest(next);
  Result<manifest::ManifestWriter> writer =
      manifest::ManifestWriter::open(context_.directory, reader.id());
  if (!writer) return writer.error();
  if (Status place = check_place(context_); !place.ok()) return place;
  Result<manifest::ManifestPosition> end = writer->append(reader.position(), edit);
  if (end) {
    Status read = reader.read_to(end->length);
    return read.ok() ? read : in_doubt(read);
  }
  if (end.error().code() != StatusCode::kNotDurable) return end.error();
  // Rule C6: what a failed sync left is never appended to. Whoever reads on may find the record.
  Status replaced = replace_manifest(next);
  return replaced.ok() ? replaced : in_doubt(replaced);
}

Status Catalog::replace_manifest(const manifest::Version& next) {
  state::Layout& shared = **context_.state;
  state::raise_to(shared.next_file_number, next.next_file_number());
  const std::uint64_t number = shared.next_file_number.fetch_add(1, std::memory_order_relaxed);
  manifest::VersionEdit snapshot = manifest::version_snapshot(next);
  snapshot.next_file_number = number + 1;
  const manifest::ManifestId old = newest_->reader.id();
  Result<manifest::ManifestPosition> end = manifest::create_manifest(
      context_.directory, {context_.uuid, number}, snapshot, context_.ownership());
  if (!end) return end.error();
  if (Status place = check_place(context_); !place.ok()) return place;
  manifest::Current current = newest_->current;
  current.manifest_number = number;
  if (Status status = manifest::install_current(context_.directory, current, context_.ownership());
      !status.ok()) {
    return status;
  }
  replaced_ = old.number;
  Status opened = reopen(end->length);
  return opened.ok() ? opened : in_doubt(opened);
}

Status Catalog::reopen(std::uint64_t length) {
  newest_.reset();
  Result<manifest::LiveManifest> opened =
      manifest::open_live_manifest(context_.directory, context_.options.access);
  if (!opened) return opened.error();
  newest_.emplace(std::move(*opened));
  return newest_->reader.read_to(length);
}

void Catalog::publish(const manifest::Version& version) {
  state::Layout& shared = **context_.state;
  // What is in tables is on disk, whatever became of its log: D follows before anybody can read
  // the tables, so that a durable read never finds more in them than D says.
  state::raise_to(shared.durable_sequence, version.oldest_sequence());
  state::raise_to(shared.durable_lsn, version.oldest_lsn());
  const std::uint64_t failed = shared.sync_failure.log_number.load(std::memory_order_acquire);
  if (failed != 0 && failed < version.oldest_log()) {
    std::uint64_t expected = failed;
    shared.sync_failure.log_number.compare_exchange_strong(expected, 0);
  }
  TIDELOCK_CRASH_POINT("install.durable_raised");
  shared.tables.publish(shared.tables.number() + 1,
                        {.manifest_number = newest_->reader.id().number,
                         .manifest_length = newest_->reader.position().length,
                         .oldest_log = version.oldest_log(),
                         .level0_tables = version.files(0).size()});
  // Not earlier: those who go by the published half read the old one.
  if (const std::uint64_t old = std::exchange(replaced_, 0); old != 0) {
    TIDELOCK_CRASH_POINT("install.removing_manifest");
    if (!check_place(context_).ok()) return;  // a sweep removes it
    (void)os::unlink_file(state::file_path(context_.directory, state::FileKind::kManifest, old));
  }
}

}  // namespace tidelock::lsm
