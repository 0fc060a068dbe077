#include "os/directory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "os/error.h"
#include "os/system_call.h"

namespace tidelock::os {

namespace {

constexpr std::uint32_t kXfsMagic = 0x58465342;
constexpr std::uint32_t kF2fsMagic = 0xF2F52010;
constexpr std::uint32_t kZfsMagic = 0x2FC12FC1;

struct FileSystemType {
  std::uint32_t magic;
  const char* name;
};

constexpr FileSystemType kCoherent[] = {
    {EXT4_SUPER_MAGIC, "ext4"}, {kXfsMagic, "xfs"},   {BTRFS_SUPER_MAGIC, "btrfs"},
    {TMPFS_MAGIC, "tmpfs"},     {kF2fsMagic, "f2fs"}, {OVERLAYFS_SUPER_MAGIC, "overlay"},
    {kZfsMagic, "zfs"},
};

Result<struct statfs> file_system_of(const std::string& path) {
  struct statfs facts {};
  if (::statfs(path.c_str(), &facts) != 0) return error_status(errno, "statfs", path);
  return facts;
}

// The answer of XFS to a question about its layout. Its header is in no package of the C library,
// so what is needed of it stands here; kernels of all ages know this version of the structure.
struct XfsGeometry {
  std::uint32_t sizes[8];
  std::uint64_t extents[4];
  std::uint8_t uuid[16];
  std::uint32_t stripe[2];
  std::int32_t version;
  std::uint32_t flags;
  std::uint32_t more_sizes[4];
};
static_assert(sizeof(XfsGeometry) == 112);
constexpr unsigned long kXfsGeometryRequest = _IOR('X', 124, XfsGeometry);
constexpr std::uint32_t kXfsHasReflink = 1U << 20;

bool xfs_may_share_blocks(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return true;
  XfsGeometry geometry{};
  const int result = ::ioctl(descriptor, kXfsGeometryRequest, &geometry);
  ::close(descriptor);
  return result != 0 || (geometry.flags & kXfsHasReflink) != 0;
}

}  // namespace

Status rename_file(const std::string& from, const std::string& to) {
  const SystemCallEvent event{.call = SystemCall::kRename, .path = from, .target = to};
  if (const int error = announce(event).error) return error_status(error, "rename", from);
  if (::rename(from.c_str(), to.c_str()) != 0) return error_status(errno, "rename", from);
  confirm(event);
  return {};
}

Status rename_to_new(const std::string& from, const std::string& to) {
  const SystemCallEvent event{.call = SystemCall::kRename, .path = from, .target = to};
  if (const int error = announce(event).error) return error_status(error, "rename", from);
  int result = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  if (result != 0 && (errno == EINVAL || errno == ENOSYS)) {  // not every file system has the flag
    if (file_exists(to)) return error_status(EEXIST, "rename " + from + " to", to);
    result = ::rename(from.c_str(), to.c_str());
  }
  if (result != 0 && errno == EEXIST) return error_status(EEXIST, "rename " + from + " to", to);
  if (result != 0) return error_status(errno, "rename", from);
  confirm(event);
  return {};
}

Status unlink_file(const std::string& path) {
  const SystemCallEvent event{.call = SystemCall::kUnlink, .path = path};
  if (const int error = announce(event).error) return error_status(error, "unlink", path);
  if (::unlink(path.c_str()) != 0) return error_status(errno, "unlink", path);
  confirm(event);
  return {};
}

void unlink_made(const File& file) {
  const Result<FileIdentity> made = file.identity();
  const Result<FileIdentity> there = path_identity(file.path());
  if (made && there && *made == *there) (void)unlink_file(file.path());
}

Status sync_directory(const std::string& path) {
  const SystemCallEvent event{.call = SystemCall::kSyncDirectory, .path = path};
  if (const int error = announce(event).error) return error_status(error, "sync directory", path);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return error_status(errno, "open directory", path);
  const int result = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (result != 0) return error_status(error, "sync directory", path);
  confirm(event);
  return {};
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  const SystemCallEvent event{.call = SystemCall::kListDirectory, .path = path};
  if (const int error = announce(event).error) return error_status(error, "list", path);
  std::vector<std::string> names;
  boost::system::error_code failure;
  boost::filesystem::directory_iterator entry(path, failure);
  for (; !failure && entry != boost::filesystem::directory_iterator(); entry.increment(failure)) {
    names.push_back(entry->path().filename().string());
  }
  if (failure) return error_status(failure.value(), "list", path);
  confirm(event);
  return names;
}

Status make_directory(const std::string& path, const FileOwnership& ownership) {
  const SystemCallEvent event{.call = SystemCall::kMakeDirectory, .path = path};
  if (const int error = announce(event).error) return error_status(error, "make directory", path);
  if (::mkdir(path.c_str(), 0777) != 0) return error_status(errno, "make directory", path);
  if (ownership.group && ::chown(path.c_str(), static_cast<uid_t>(-1), *ownership.group) != 0) {
    return error_status(errno, "set group of", path);
  }
  if (ownership.mode) {
    const std::uint32_t search = (*ownership.mode & 0444) >> 2;
    if (::chmod(path.c_str(), (*ownership.mode | search) & 07777) != 0) {
      return error_status(errno, "set mode of", path);
    }
  }
  confirm(event);
  return {};
}

Status remove_directory(const std::string& path) {
  if (::rmdir(path.c_str()) != 0) return error_status(errno, "remove directory", path);
  return {};
}

bool file_exists(const std::string& path) {
  struct stat facts {};
  return ::lstat(path.c_str(), &facts) == 0;
}

std::uint64_t disk_usage(const std::string& path) {
  constexpr std::uint64_t kStatBlock = 512;
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) return 0;
  return static_cast<std::uint64_t>(facts.st_blocks) * kStatBlock;
}

Result<bool> exists(const std::string& path) {
  const SystemCallEvent event{.call = SystemCall::kStat, .path = path};
  if (const int error = announce(event).error) return error_status(error, "stat", path);
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT) return false;
    return error_status(errno, "stat", path);
  }
  confirm(event);
  return true;
}

Result<bool> directory_exists(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT) return false;
    return error_status(errno, "open directory", path);
  }
  if (S_ISDIR(facts.st_mode)) return true;
  return Status(StatusCode::kInvalid, "open " + path + ": it is not a directory");
}

std::string parent_of(const std::string& path) {
  const std::size_t last = path.find_last_not_of('/');
  if (last == std::string::npos) return path.empty() ? "." : "/";
  const std::size_t slash = path.find_last_of('/', last);
  if (slash == std::string::npos) return ".";
  const std::size_t end = path.find_last_not_of('/', slash);
  return end == std::string::npos ? "/" : path.substr(0, end + 1);
}

Result<FileOwnership> ownership_of(const std::string& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) return error_status(errno, "stat", path);
  return FileOwnership{.mode = facts.st_mode & 0777, .group = facts.st_gid};
}

bool may_give_to(std::uint32_t group) {
  // Asked with a file in memory: what counts (membership, privileges, and whether the group has a
  // number in this user namespace at all) the kernel knows best.
  const int descriptor = ::memfd_create("group", MFD_CLOEXEC);
  if (descriptor < 0) return false;
  const bool may = ::fchown(descriptor, static_cast<uid_t>(-1), group) == 0;
  ::close(descriptor);
  return may;
}

Result<FileIdentity> path_identity(const std::string& path) {
  const SystemCallEvent event{.call = SystemCall::kStat, .path = path};
  if (const int error = announce(event).error) return error_status(error, "stat", path);
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) != 0) return error_status(errno, "stat", path);
  confirm(event);
  return FileIdentity{facts.st_dev, facts.st_ino};
}

Result<std::string> canonical_path(const std::string& path) {
  boost::system::error_code failure;
  const boost::filesystem::path canonical = boost::filesystem::canonical(path, failure);
  if (failure) return error_status(failure.value(), "resolve", path);
  return canonical.string();
}

Status check_file_system(const std::string& path) {
  Result<struct statfs> facts = file_system_of(path);
  if (!facts) return facts.error();
  const auto magic = static_cast<std::uint32_t>(facts->f_type);
  const bool read_only = (facts->f_flags & ST_RDONLY) != 0;
  for (const FileSystemType& type : kCoherent) {
    if (type.magic != magic) continue;
    if (magic == OVERLAYFS_SUPER_MAGIC && read_only) {
      return Status(StatusCode::kUnsupported,
                    "open " + path + ": a read-only overlay does not share locks between mounts");
    }
    return {};
  }
  char name[16];
  std::snprintf(name, sizeof name, "0x%x", magic);
  return Status(StatusCode::kUnsupported,
                "open " + path + ": file system of type " + name +
                    " is not known to share locks and mappings between processes");
}

Status check_directory_mode(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return error_status(errno, "stat", path);
  if ((facts.st_mode & S_IWOTH) != 0 && (facts.st_mode & S_ISVTX) != 0) {
    return Status(StatusCode::kPermission,
                  "open " + path + ": everybody may create files there (mode o+w with sticky bit)");
  }
  if ((facts.st_mode & S_IWGRP) != 0 && (facts.st_mode & S_ISVTX) != 0) {
    return Status(StatusCode::kPermission,
                  "open " + path +
                      ": its users could not remove each other's files (mode g+w with sticky bit)");
  }
  return {};
}

bool mapped_stores_may_fail(const std::string& path) {
  Result<struct statfs> facts = file_system_of(path);
  if (!facts) return true;
  switch (static_cast<std::uint32_t>(facts->f_type)) {
    case EXT4_SUPER_MAGIC:
    case TMPFS_MAGIC:
      return false;
    case kXfsMagic:
      return xfs_may_share_blocks(path);
    default:
      return true;
  }
}

}  // namespace tidelock::os
