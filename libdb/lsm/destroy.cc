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

}  // namespace

Result<os::File> open_or_create_lock(const std::string& directory,
                                     const os::FileOwnership& ownership) {
  const std::string path = directory + "/" + state::kLockName;
  for (;;) {
    Result<os::File> file = os::File::open(path, os::FileAccess::kReadWrite);
    if (file || file.error().code() != StatusCode::kNotFound) return file;
    file = os::File::create(path, ownership);
    if (file || file.error().code() != StatusCode::kExists) return file;
  }
}

Status remove_files(const std::string& directory) {
  const Result<std::vector<std::string>> names = os::list_directory(directory);
  if (!names) return names.error();
  std::vector<std::string> doomed{state::kCurrentName};
  for (const std::string& name : *names) {
    if (is_ours(name)) doomed.push_back(name);
  }
  doomed.emplace_back(state::kLockName);
  for (const std::string& name : doomed) {
    Status status = os::unlink_file(directory + "/" + name);
    if (!status.ok() && status.code() != StatusCode::kNotFound) return status;
    // A power cut must not bring back a CURRENT without its tables.
    if (name == state::kCurrentName) {
      if (Status s = os::sync_directory(directory); !s.ok()) return s;
    }
    TIDELOCK_CRASH_POINT("destroy.removing");
  }
  return os::sync_directory(directory);
}

Status destroy_database(const std::string& directory) {
  Result<std::string> path = os::canonical_path(directory);
  if (!path) return path.error();
  // A destruction that died has removed CURRENT, but not yet LOCK.
  const Result<bool> current = os::exists(*path + "/" + state::kCurrentName);
  if (!current) return current.error();
  const Result<bool> lock = os::exists(*path + "/" + state::kLockName);
  if (!lock) return lock.error();
  if (!*current && !*lock) {
    return Status(StatusCode::kNotFound, "destroy " + *path + ": there is no database");
  }
  if (*current) {
    Status ours = manifest::read_current(*path, Access::kReadOnly).status();
    if (ours.code() == StatusCode::kUnsupported) return ours;
  }
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
