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
  // Nor may it come back beside a database that is made here afterwards.
  return status.ok() ? os::sync_directory(directory) : status;
}

Status remove_files(const std::string& directory) {
  Status status = remove_contents(directory);
  return status.ok() ? remove_if_there(directory + "/" + state::kLockName) : status;
}

Status destroy_database(const std::string& directory) {
  Result<std::string> path = os::canonical_path(directory);
  if (!path) return path.error();
  bool there = false;
  for (const char* name : {state::kCurrentName, state::kDestroyedName, state::kLockName}) {
    const Result<bool> exists = os::exists(*path + "/" + name);
    if (!exists) return exists.error();
    there = there || *exists;
  }
  if (!there) return Status(StatusCode::kNotFound, "destroy " + *path + ": there is no database");
  Status ours = manifest::read_current(*path, Access::kReadOnly).status();
  if (ours.code() == StatusCode::kUnsupported) return ours;
  Result<os::File> lock_file = open_or_create_lock(*path, {});
  if (!lock_file) return lock_file.error();
  os::ByteLocks locks(std::move(*lock_file));
  Result<bool> alone = locks.try_lock(kOpenByte, os::ByteLocks::Mode::kExclusive);
  if (!alone) return alone.error();
  if (!*alone) {
    BusyInfo busy;
    busy.reason = BusyReason::kOpen;
    return Status(StatusCode::kBusy, "destroy " + *path + ": it is open", std::move(busy));
  }
  if (Status status = remove_files(*path); !status.ok()) return status;
  const Result<std::vector<std::string>> left = os::list_directory(*path);
  return left && left->empty() ? os::remove_directory(*path) : Status();
}

}  // namespace tidelock::lsm
