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
  if (perform({.call = SystemCall::kStat, .path = path},
              [&] { return ::statfs(path.c_str(), &facts); }) != 0) {
    return error_status(errno, "statfs", path);
  }
  return facts;
}

// Facts about what stands at `path`, or where the link there leads. 0, or the error.
int stat_target(const std::string& path, struct stat& facts) {
  const int result = perform({.call = SystemCall::kStat, .path = path},
                             [&] { return ::stat(path.c_str(), &facts); });
  return result == 0 ? 0 : errno;
}

// The same about a link itself.
int stat_name(const std::string& path, struct stat& facts) {
  const int result = perform({.call = SystemCall::kStat, .path = path},
                             [&] { return ::lstat(path.c_str(), &facts); });
  return result == 0 ? 0 : errno;
}

// Opens a directory and makes one call on it: that call's answer.
template <typename Call>
int with_directory(const std::string& path, const Call& call) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return -1;
  const int result = call(descriptor);
  const int error = errno;
  ::close(descriptor);
  errno = error;
  return result;
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
  XfsGeometry geometry{};
  const int result = perform({.call = SystemCall::kStat, .path = path}, [&] {
    return with_directory(
        path, [&](int descriptor) { return ::ioctl(descriptor, kXfsGeometryRequest, &geometry); });
  });
  return result != 0 || (geometry.flags & kXfsHasReflink) != 0;
}

// Not executable, where the kernel knows of that (from Linux 6.3 on) and may insist on it. `path`
// is what it is for. A descriptor, or -1 with errno set.
int file_in_memory(const std::string& path) {
  constexpr unsigned kNoExecSeal = 0x0008;  // MFD_NOEXEC_SEAL of newer headers
  const auto make = [&path](unsigned flags) {
    return perform({.call = SystemCall::kOpen, .path = path},
                   [flags] { return ::memfd_create("group", MFD_CLOEXEC | flags); });
  };
  const int descriptor = make(kNoExecSeal);
  return descriptor < 0 && errno == EINVAL ? make(0) : descriptor;
}

}  // namespace

Status rename_file(const std::string& from, const std::string& to) {
  if (perform({.call = SystemCall::kRename, .path = from, .target = to},
              [&] { return ::rename(from.c_str(), to.c_str()); }) != 0) {
    return error_status(errno, "rename", from);
  }
  return {};
}

Status rename_to_new(const std::string& from, const std::string& to) {
  const int result = perform({.call = SystemCall::kRename, .path = from, .target = to}, [&] {
    return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  });
  if (result == 0) return {};
  if (errno == EEXIST) return error_status(EEXIST, "rename " + from + " to", to);
  // Not every file system has the flag.
  if (errno != EINVAL && errno != ENOSYS) return error_status(errno, "rename", from);
  const Result<bool> taken = exists(to);
  if (!taken) return taken.error();
  if (*taken) return error_status(EEXIST, "rename " + from + " to", to);
  return rename_file(from, to);
}

Status unlink_file(const std::string& path) {
  if (perform({.call = SystemCall::kUnlink, .path = path},
              [&] { return ::unlink(path.c_str()); }) != 0) {
    return error_status(errno, "unlink", path);
  }
  return {};
}

void unlink_made(const File& file) {
  const Result<FileIdentity> made = file.identity();
  const Result<FileIdentity> there = path_identity(file.path());
  if (made && there && *made == *there) (void)unlink_file(file.path());
}

Status sync_directory(const std::string& path) {
  if (perform({.call = SystemCall::kSyncDirectory, .path = path},
              [&] { return with_directory(path, ::fsync); }) != 0) {
    return error_status(errno, "sync directory", path);
  }
  return {};
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  std::vector<std::string> names;
  const auto read_names = [&] {
    names.clear();
    boost::system::error_code failure;
    boost::filesystem::directory_iterator entry(path, failure);
    for (; !failure && entry != boost::filesystem::directory_iterator(); entry.increment(failure)) {
      names.push_back(entry->path().filename().string());
    }
    errno = failure.value();
    return failure ? -1 : 0;
  };
  if (perform({.call = SystemCall::kListDirectory, .path = path}, read_names) != 0) {
    return error_status(errno, "list", path);
  }
  return names;
}

namespace {

Status give_directory(const std::string& path, const FileOwnership& ownership) {
  const SystemCallEvent event{.call = SystemCall::kSetOwner, .path = path};
  if (ownership.group && perform(event, [&] {
                           return ::chown(path.c_str(), static_cast<uid_t>(-1), *ownership.group);
                         }) != 0) {
    return error_status(errno, "set group of", path);
  }
  if (!ownership.mode) return {};
  const std::uint32_t search = (*ownership.mode & 0444) >> 2;
  if (perform(event, [&] { return ::chmod(path.c_str(), (*ownership.mode | search) & 07777); }) !=
      0) {
    return error_status(errno, "set mode of", path);
  }
  return {};
}

}  // namespace

Status make_directory(const std::string& path, const FileOwnership& ownership) {
  if (perform({.call = SystemCall::kMakeDirectory, .path = path},
              [&] { return ::mkdir(path.c_str(), 0777); }) != 0) {
    return error_status(errno, "make directory", path);
  }
  Status status = give_directory(path, ownership);
  if (!status.ok()) (void)remove_directory(path);
  return status;
}

Status remove_directory(const std::string& path) {
  if (perform({.call = SystemCall::kRemoveDirectory, .path = path},
              [&] { return ::rmdir(path.c_str()); }) != 0) {
    return error_status(errno, "remove directory", path);
  }
  return {};
}

std::uint64_t disk_usage(const std::string& path) {
  constexpr std::uint64_t kStatBlock = 512;
  struct stat facts {};
  if (stat_name(path, facts) != 0) return 0;
  return static_cast<std::uint64_t>(facts.st_blocks) * kStatBlock;
}

Result<bool> exists(const std::string& path) {
  struct stat facts {};
  const int error = stat_name(path, facts);
  if (error == ENOENT || error == ENOTDIR) return false;
  if (error != 0) return error_status(error, "stat", path);
  return true;
}

Result<bool> directory_exists(const std::string& path) {
  struct stat facts {};
  const int error = stat_target(path, facts);
  if (error == ENOENT) return false;
  if (error != 0) return error_status(error, "open directory", path);
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
  if (const int error = stat_name(path, facts)) return error_status(error, "stat", path);
  return FileOwnership{.mode = facts.st_mode & 0777, .group = facts.st_gid};
}

// Asked with a file in memory: what counts (membership, privileges, and whether the group has a
// number in this user namespace at all) the kernel knows best.
Result<bool> may_give_to(const std::string& path, std::uint32_t group) {
  const int descriptor = file_in_memory(path);
  if (descriptor < 0) return error_status(errno, "make a file in memory for the group of", path);
  const int given = perform({.call = SystemCall::kSetOwner, .path = path},
                            [&] { return ::fchown(descriptor, static_cast<uid_t>(-1), group); });
  const int error = errno;
  ::close(descriptor);
  if (given == 0) return true;
  if (error == EPERM || error == EINVAL) return false;  // EINVAL: it has no number
  return error_status(error, "try the group of", path);
}

Result<FileIdentity> path_identity(const std::string& path) {
  struct stat facts {};
  if (const int error = stat_name(path, facts)) return error_status(error, "stat", path);
  return FileIdentity{facts.st_dev, facts.st_ino};
}

Result<std::string> canonical_path(const std::string& path) {
  boost::filesystem::path canonical;
  const auto resolve = [&] {
    boost::system::error_code failure;
    canonical = boost::filesystem::canonical(path, failure);
    errno = failure.value();
    return failure ? -1 : 0;
  };
  if (perform({.call = SystemCall::kStat, .path = path}, resolve) != 0) {
    return error_status(errno, "resolve", path);
  }
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
  if (const int error = stat_target(path, facts)) return error_status(error, "stat", path);
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
