#include "lsm/ground.h"

#include <climits>
#include <utility>
#include <vector>

#include "lsm/destroy.h"
#include "os/directory.h"
#include "os/process.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

Status check_file_system(const std::string& directory, const Options& options) {
  return options.allow_unsafe_file_system ? Status() : os::check_file_system(directory);
}

// Files that fit, and others that do not, would be a database half made.
Status check_length(const std::string& directory) {
  constexpr std::size_t kFileNameMax = 40;
  if (directory.size() + kFileNameMax < PATH_MAX) return {};
  return Status(StatusCode::kInvalid, "open " + directory + ": the path is too long");
}

Status make(const std::string& directory, const Options& options) {
  const std::string parent = os::parent_of(directory);
  if (Status status = check_file_system(parent, options); !status.ok()) return status;
  return os::make_directory(directory, {options.file_mode, options.file_group});
}

}  // namespace

Result<Ground> prepare_ground(const std::string& directory, const Options& options) {
  if (const Status boot = os::boot_identity().status(); !boot.ok()) {
    return Status(boot.code(), "open " + directory + ": " + boot.message());
  }
  Ground ground;
  const bool only_open = options.mode == OpenMode::kOpen;
  Result<bool> there = os::directory_exists(directory);
  if (!there) return there.error();
  if (!*there) {
    if (only_open) {
      return Status(StatusCode::kNotFound, "open " + directory + ": there is no such directory");
    }
    Status made = make(directory, options);
    if (!made.ok() && made.code() != StatusCode::kExists) return made;
    ground.made = made.ok();
  }
  ground.path = directory;
  Result<std::string> canonical = os::canonical_path(directory);
  if (!canonical) {
    leave_ground(ground);
    return canonical.error();
  }
  ground.path = std::move(*canonical);
  Status status = check_length(ground.path);
  if (status.ok()) status = check_file_system(ground.path, options);
  if (status.ok()) status = os::check_directory_mode(ground.path);
  if (status.ok()) return ground;
  leave_ground(ground);
  return status;
}

void leave_ground(const Ground& ground) {
  if (ground.made) (void)os::remove_directory(ground.path);
}

Status check_vacant(const std::string& directory) {
  Result<std::vector<std::string>> names = os::list_directory(directory);
  if (!names) return names.error();
  const Result<bool> destroyed = is_being_destroyed(directory);
  if (!destroyed) return destroyed.error();
  if (*destroyed) return {};
  for (const std::string& name : *names) {
    const auto file = state::parse_file_name(name);
    if (file && file->kind != state::FileKind::kManifest) {
      return Status(StatusCode::kCorruption,
                    "open " + directory + ": there is no CURRENT, but there is " + name);
    }
  }
  return {};
}

}  // namespace tidelock::lsm
