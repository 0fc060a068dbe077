#include "agent/small_disk.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tidelock::agent {
namespace {

Status mount_at(const std::string& directory, std::uint64_t size, unsigned long flags) {
  const std::string data = "mode=0755,size=" + std::to_string(size);
  if (::mount("tidelock-agent", directory.c_str(), "tmpfs", flags, data.c_str()) == 0) return {};
  const StatusCode code = errno == EPERM ? StatusCode::kPermission : StatusCode::kIo;
  return Status(code,
                "mount a file system in memory on " + directory + ": " + std::strerror(errno));
}

// What is mounted from now on is seen by this process and its children alone, and goes with the
// last of them, however they end.
Status see_mounts_alone() {
  if (::unshare(CLONE_NEWNS) == 0 &&
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) {
    return {};
  }
  const StatusCode code = errno == EPERM ? StatusCode::kPermission : StatusCode::kIo;
  return Status(code, std::string("have mounts of its own: ") + std::strerror(errno));
}

}  // namespace

Result<SmallDisk> SmallDisk::mount(const std::string& directory, std::uint64_t size) {
  if (::mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST) {
    return Status(StatusCode::kIo, "make directory " + directory + ": " + std::strerror(errno));
  }
  if (Status status = see_mounts_alone(); !status.ok()) return status;
  if (Status status = mount_at(directory, size, 0); !status.ok()) return status;
  return SmallDisk(directory);
}

SmallDisk::SmallDisk(SmallDisk&& other) noexcept
    : directory_(std::exchange(other.directory_, std::string())) {}

SmallDisk::~SmallDisk() {
  if (!directory_.empty()) ::umount2(directory_.c_str(), MNT_DETACH);
}

Status SmallDisk::grow(std::uint64_t size) const {
  return mount_at(directory_, size, MS_REMOUNT);
}

}  // namespace tidelock::agent
