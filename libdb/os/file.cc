#include "os/file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "os/directory.h"
#include "os/error.h"
#include "os/process.h"
#include "os/system_call.h"

namespace tidelock::os {

namespace {

constexpr std::uint32_t kDefaultMode = 0666;
constexpr std::size_t kZeroChunk = std::size_t{1} << 20;

// A descriptor above the standard streams, or -1 with errno set.
int above_standard_streams(int descriptor, const std::string& path) {
  if (descriptor < 0 || descriptor > 2) return descriptor;
  const int moved = perform({.call = SystemCall::kDuplicate, .path = path},
                            [&] { return ::fcntl(descriptor, F_DUPFD_CLOEXEC, 3); });
  const int error = errno;
  ::close(descriptor);
  errno = error;
  return moved;
}

Result<int> open_descriptor(const std::string& path, int flags, std::uint32_t mode) {
  if (const int error = prepare_process_token()) return error_status(error, "open", path);
  const int opened = perform({.call = SystemCall::kOpen, .path = path}, [&] {
    const int always = O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
    return ::open(path.c_str(), flags | always, mode);
  });
  if (opened < 0) return error_status(errno, "open", path);
  const int descriptor = above_standard_streams(opened, path);
  if (descriptor >= 0) return descriptor;
  const int error = errno;
  if ((flags & O_EXCL) != 0) (void)unlink_file(path);  // it was made just now
  return error_status(error, "open", path);
}

Status apply_ownership(int descriptor, const std::string& path, const FileOwnership& ownership) {
  const SystemCallEvent event{.call = SystemCall::kSetOwner, .path = path};
  if (ownership.group && perform(event, [&] {
                           return ::fchown(descriptor, static_cast<uid_t>(-1), *ownership.group);
                         }) != 0) {
    return error_status(errno, "set group of", path);
  }
  if (ownership.mode &&
      perform(event, [&] { return ::fchmod(descriptor, *ownership.mode & 07777); }) != 0) {
    return error_status(errno, "set mode of", path);
  }
  return {};
}

// A file without a name, or -1. It is gone with its descriptor.
int open_unnamed(const std::string& directory, const std::string& path, std::uint32_t mode) {
  if (prepare_process_token() != 0) return -1;
  const int opened = perform({.call = SystemCall::kOpen, .path = directory}, [&] {
    return ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
  });
  return above_standard_streams(opened, path);
}

bool give_name(int descriptor, const std::string& path) {
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  return perform({.call = SystemCall::kOpen, .path = path}, [&] {
           const int named =
               ::linkat(AT_FDCWD, link.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW);
           return named == 0 ? 0 : ::linkat(descriptor, "", AT_FDCWD, path.c_str(), AT_EMPTY_PATH);
         }) == 0;
}

// Beyond the process's file size limit a write would be answered with a deadly signal.
Status check_size_limit(const std::string& path, std::uint64_t size) {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      size > limit.rlim_cur) {
    return error_status(EFBIG, "write", path);
  }
  return {};
}

// Btrfs copies a block whenever it is overwritten, unless it is told otherwise while the file is
// empty. If it cannot be told, the file is as others there are.
void overwrite_in_place(int descriptor, const std::string& path) {
  const SystemCallEvent look{.call = SystemCall::kStat, .path = path};
  struct statfs facts {};
  if (perform(look, [&] { return ::fstatfs(descriptor, &facts); }) != 0) return;
  if (facts.f_type != BTRFS_SUPER_MAGIC) return;
  unsigned flags = 0;
  if (perform(look, [&] { return ::ioctl(descriptor, FS_IOC_GETFLAGS, &flags); }) != 0) return;
  if ((flags & FS_NOCOW_FL) != 0) return;
  flags |= FS_NOCOW_FL;
  (void)perform({.call = SystemCall::kAdvise, .path = path},
                [&] { return ::ioctl(descriptor, FS_IOC_SETFLAGS, &flags); });
}

Result<struct stat> stat_of(int descriptor, const std::string& path) {
  struct stat facts {};
  if (perform({.call = SystemCall::kStat, .path = path},
              [&] { return ::fstat(descriptor, &facts); }) != 0) {
    return error_status(errno, "stat", path);
  }
  return facts;
}

}  // namespace

File::File(int descriptor, std::string path) noexcept
    : descriptor_(descriptor), path_(std::move(path)) {}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = std::exchange(other.descriptor_, -1);
    path_ = std::move(other.path_);
  }
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<File> File::open(const std::string& path, FileAccess access) {
  const int flags = access == FileAccess::kRead ? O_RDONLY : O_RDWR;
  File file(-1, path);  // before the descriptor: without memory for it, nothing is left open
  Result<int> descriptor = open_descriptor(path, flags, 0);
  if (!descriptor) return descriptor.error();
  file.descriptor_ = *descriptor;
  Result<struct stat> facts = stat_of(*descriptor, path);
  if (!facts) return facts.error();
  if (!S_ISREG(facts->st_mode)) {
    return Status(StatusCode::kUnsupported, "open " + path + ": not a regular file");
  }
  return file;
}

Result<File> File::create(const std::string& path, const FileOwnership& ownership) {
  const std::uint32_t mode = ownership.mode.value_or(kDefaultMode);
  File file(-1, path);
  Result<int> descriptor = open_descriptor(path, O_RDWR | O_CREAT | O_EXCL, mode);
  if (!descriptor) return descriptor.error();
  file.descriptor_ = *descriptor;
  if (Status status = apply_ownership(*descriptor, path, ownership); !status.ok()) {
    (void)unlink_file(path);
    return status;
  }
  return file;
}

Status File::make(const std::string& path, const FileOwnership& ownership) {
  if (ownership.mode || ownership.group) {
    File unnamed(-1, path);
    unnamed.descriptor_ =
        open_unnamed(parent_of(path), path, ownership.mode.value_or(kDefaultMode));
    const bool made = unnamed.descriptor_ >= 0 &&
                      apply_ownership(unnamed.descriptor_, path, ownership).ok() &&
                      give_name(unnamed.descriptor_, path);
    if (made) return {};
  }
  return create(path, ownership).status();
}

Result<File> File::open_again() const {
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor_);
  File file(-1, path_);
  const int mode = ::fcntl(descriptor_, F_GETFL) & O_ACCMODE;
  file.descriptor_ = above_standard_streams(
      perform({.call = SystemCall::kOpen, .path = path_},
              [&] { return ::open(link.c_str(), mode | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); }),
      path_);
  if (file.descriptor_ < 0) return error_status(errno, "open again", path_);
  return file;
}

Status File::read_exact(std::uint64_t offset, std::span<std::byte> out) const {
  Result<std::size_t> count = read(offset, out);
  if (!count) return count.error();
  if (*count != out.size()) {
    return Status(StatusCode::kCorruption, "read " + path_ + " at " + std::to_string(offset) +
                                               ": the file ends after " + std::to_string(*count) +
                                               " of " + std::to_string(out.size()) + " bytes");
  }
  return {};
}

Result<std::size_t> File::read(std::uint64_t offset, std::span<std::byte> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const SystemCallEvent event{.call = SystemCall::kRead,
                                .path = path_,
                                .offset = offset + done,
                                .length = out.size() - done};
    const SystemCallVerdict verdict = announce(event);
    if (verdict.error == EINTR) continue;
    if (verdict.error != 0) return error_status(verdict.error, "read", path_);
    const std::size_t length = std::min(out.size() - done, verdict.length_max);
    const ssize_t count =
        ::pread(descriptor_, out.data() + done, length, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return error_status(errno, "read", path_);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
    confirm(event);
  }
  return done;
}

Status File::write(std::uint64_t offset, std::span<const std::byte> data) {
  if (Status status = check_size_limit(path_, offset + data.size()); !status.ok()) return status;
  std::size_t done = 0;
  while (done < data.size()) {
    SystemCallEvent event{.call = SystemCall::kWrite,
                          .path = path_,
                          .offset = offset + done,
                          .length = data.size() - done,
                          .data = data.subspan(done)};
    const SystemCallVerdict verdict = announce(event);
    if (verdict.error == EINTR) continue;
    if (verdict.error != 0) return error_status(verdict.error, "write", path_);
    const std::size_t length = std::min(data.size() - done, verdict.length_max);
    const ssize_t count =
        ::pwrite(descriptor_, data.data() + done, length, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return error_status(errno, "write", path_);
    if (count == 0) return error_status(ENOSPC, "write", path_);
    event.length = static_cast<std::uint64_t>(count);
    event.data = event.data.first(static_cast<std::size_t>(count));
    confirm(event);
    done += static_cast<std::size_t>(count);
  }
  return {};
}

Status File::datasync() {
  if (perform({.call = SystemCall::kDataSync, .path = path_},
              [&] { return ::fdatasync(descriptor_); }) != 0) {
    return error_status(errno, "sync", path_);
  }
  return {};
}

Status File::sync() {
  if (perform({.call = SystemCall::kSync, .path = path_}, [&] { return ::fsync(descriptor_); }) !=
      0) {
    return error_status(errno, "sync", path_);
  }
  return {};
}

Status File::reserve_for_stores(std::uint64_t size) {
  overwrite_in_place(descriptor_, path_);
  return reserve(size);
}

Status File::reserve(std::uint64_t size) {
  if (Status status = check_size_limit(path_, size); !status.ok()) return status;
  const int result = perform({.call = SystemCall::kAllocate, .path = path_, .length = size}, [&] {
    return ::fallocate(descriptor_, 0, 0, static_cast<off_t>(size));
  });
  // Where the file system cannot reserve, writing is the only way to know that there is room.
  if (result != 0 && errno == EOPNOTSUPP) return write_zeroes(size);
  if (result != 0) return error_status(errno, "allocate", path_);
  return {};
}

Status File::allocate(std::uint64_t size) {
  if (Status status = reserve(size); !status.ok()) return status;
  return write_zeroes(size);
}

Status File::write_zeroes(std::uint64_t size) {
  const std::vector<std::byte> zeroes(std::min<std::uint64_t>(size, kZeroChunk));
  for (std::uint64_t offset = 0; offset < size; offset += zeroes.size()) {
    const auto chunk =
        std::span(zeroes).first(std::min<std::uint64_t>(zeroes.size(), size - offset));
    if (Status status = write(offset, chunk); !status.ok()) return status;
  }
  return {};
}

Status File::punch_hole(std::uint64_t from, std::uint64_t to) {
  if (from >= to) return {};
  const SystemCallEvent event{
      .call = SystemCall::kPunchHole, .path = path_, .offset = from, .length = to - from};
  if (perform(event, [&] {
        return ::fallocate(descriptor_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                           static_cast<off_t>(from), static_cast<off_t>(to - from));
      }) != 0) {
    if (errno == EOPNOTSUPP) {
      return Status(StatusCode::kUnsupported, "punch hole " + path_ + ": not supported here");
    }
    return error_status(errno, "punch hole", path_);
  }
  return {};
}

Result<std::uint64_t> File::size() const {
  Result<struct stat> facts = stat_of(descriptor_, path_);
  if (!facts) return facts.error();
  return static_cast<std::uint64_t>(facts->st_size);
}

Result<FileIdentity> File::identity() const {
  Result<struct stat> facts = stat_of(descriptor_, path_);
  if (!facts) return facts.error();
  return FileIdentity{facts->st_dev, facts->st_ino};
}

Result<std::uint64_t> File::link_count() const {
  Result<struct stat> facts = stat_of(descriptor_, path_);
  if (!facts) return facts.error();
  return static_cast<std::uint64_t>(facts->st_nlink);
}

}  // namespace tidelock::os
