#include "lsm/destroy.h"

#include <vector>

#include "lsm/context.h"
#include "manifest/current.h"
#include "os/byte_lock.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

bool is_ours(const std::string& name) {
  return state::parse_file_name(name) || name == state::kStateName || name == state::kQueueName ||
         name == "CURRENT.tmp" || name == state::kEventLogName ||
         name == std::string(state::kEventLogName) + ".old";
}

Status remove_if_there(const std::string& path) {
  Status status = os::unlink_file(path);
  return status.code() == StatusCode::kNotFound ? Status() : status;
}

}  // namespace

Result<os::File> open_or_create_lock(const std::string& directory,
                                     const os::FileOwnership& ownership) {
  const std::string path = directory + "/" + state::kLockName;
  for (;;) {
    Result<os::File> file = os::File::open(path, os::FileAccess::kReadWrite);
    if (file || file.error().code() != StatusCode::kNotFound) return file;
    Status made = os::File::make(path, ownership);
    if (!made.ok() && made.code() != StatusCode::kExists) return made;
  }
}

os::FileOwnership ownership_of_database(const std::string& directory) {
  for (const char* name : {state::kCurrentName, state::kDestroyedName}) {
    const auto ownership = os::ownership_of(directory + "/" + name);
    if (ownership) return {.mode = ownership->mode, .group = {}};
  }
  return {};
}

Result<bool> is_being_destroyed(const std::string& directory) {
  const std::string path = directory + "/" + state::kDestroyedName;
  const Status read = manifest::read_current_file(path, Access::kReadOnly).status();
  switch (read.code()) {
    case StatusCode::kOk:
    case StatusCode::kCorruption:  // as CURRENT was
      return true;
    case StatusCode::kNotFound:
    case StatusCode::kUnsupported:
      return false;
    default:
      return read;
  }
}

Result<bool> is_in_place(const os::File& lock_file) {
  Result<os::FileIdentity> locked = lock_file.identity();
  if (!locked) return locked.error();
  const Result<os::FileIdentity> named = os::path_identity(lock_file.path());
  if (!named && named.error().code() != StatusCode::kNotFound) return named.error();
  return named && *named == *locked;
}

Status remove_contents(const std::string& directory) {
  const std::string current = directory + "/" + state::kCurrentName;
  const std::string destroyed = directory + "/" + state::kDestroyedName;
  Status status = os::rename_file(current, destroyed);
  if (!status.ok() && status.code() != StatusCode::kNotFound) return status;
  TIDELOCK_CRASH_POINT("destroy.renamed");
  // A power cut must not bring back a CURRENT without its tables,
  status = os::sync_directory(directory);
  if (!status.ok()) return status;
  const Result<std::vector<std::string>> names = os::list_directory(directory);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (!is_ours(name)) continue;
    status = remove_if_there(directory + "/" + name);
    if (!status.ok()) return status;
    TIDELOCK_CRASH_POINT("destroy.removing");
  }
  // nor leave tables without what says that they are to go.
  status = os::sync_directory(directory);
  if (status.ok()) status = remove_if_there(destroyed);
  if (!status.ok()) return status;
  TIDELOCK_CRASH_POINT("destroy.forgotten");
  // Nor may it come back beside a database that is made here afterwards.
  return os::sync_directory(directory);
}

Status remove_files(const std::string& directory) {
  Status status = remove_contents(directory);
  return status.ok() ? remove_if_there(directory + "/" + state::kLockName) : status;
}

namespace {

Result<bool> anything_there(const std::string& directory) {
  for (const char* name : {state::kCurrentName, state::kDestroyedName, state::kLockName}) {
    Result<bool> exists = os::exists(directory + "/" + name);
    if (!exists || *exists) return exists;
  }
  return false;
}

}  // namespace

Status destroy_database(const std::string& directory) {
  Result<std::string> path = os::canonical_path(directory);
  if (!path) return path.error();
  for (;;) {
    const Result<bool> there = anything_there(*path);
    if (!there) return there.error();
    if (!*there)
      return Status(StatusCode::kNotFound, "destroy " + *path + ": there is no database");
    Result<os::File> lock_file = open_or_create_lock(*path, ownership_of_database(*path));
    if (!lock_file) return lock_file.error();
    os::ByteLocks locks(std::move(*lock_file));
    Result<bool> alone = locks.try_lock(kOpenByte, os::ByteLocks::Mode::kExclusive);
    if (!alone) return alone.error();
    if (!*alone) {
      BusyInfo busy;
      busy.reason = BusyReason::kOpen;
      return Status(StatusCode::kBusy, "destroy " + *path + ": it is open", std::move(busy));
    }
    // Else somebody destroyed it, and perhaps made another one, since this LOCK was opened.
    const Result<bool> in_place = is_in_place(locks.file());
    if (!in_place) return in_place.error();
    if (!*in_place) continue;
    Status ours = manifest::read_current(*path, Access::kReadOnly).status();
    if (ours.code() == StatusCode::kUnsupported) return ours;
    if (Status status = remove_files(*path); !status.ok()) return status;
    const Result<std::vector<std::string>> left = os::list_directory(*path);
    return left && left->empty() ? os::remove_directory(*path) : Status();
  }
}

}  // namespace tidelock::lsm
