#include "power/loop_disk.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "support/comes_true.h"

namespace tidelock::test {

namespace {

constexpr off_t kImageSize = off_t{300} << 20;  // the least that mkfs.xfs takes; most of it a hole

// The same request to ext4 and XFS, whose headers no package of the C library has.
constexpr unsigned long kShutDown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kWithoutFlushingTheJournal = 2;

std::string failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

}  // namespace

LoopDisk::LoopDisk(const std::string& directory, const std::string& mkfs, std::string type)
    : path_(directory + "/disk"), type_(std::move(type)) {
  const std::string image = directory + "/image";
  missing_ = make(image, mkfs);
  ::unlink(image.c_str());
}

LoopDisk::~LoopDisk() {
  ::umount2(path_.c_str(), MNT_DETACH);
  if (device_ >= 0) ::close(device_);
  ::rmdir(path_.c_str());
}

std::string LoopDisk::make(const std::string& image, const std::string& mkfs) {
  if (::unshare(CLONE_NEWNS) != 0) return failed("a mount namespace");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return failed("private mounts");
  }
  const int file = ::open(image.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 || ::ftruncate(file, kImageSize) != 0) return failed("an image");
  ::close(file);
  const std::string command =
      "PATH=$PATH:/usr/sbin:/sbin; " + mkfs + " " + image + " >/dev/null 2>&1";
  if (std::system(command.c_str()) != 0) return mkfs;
  if (std::string problem = attach(image); !problem.empty()) return problem;
  ::mkdir(path_.c_str(), 0700);
  return mount();
}

// The device is given back when the last of descriptor and mount is gone.
std::string LoopDisk::attach(const std::string& image) {
  const int control = ::open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  const int file = ::open(image.c_str(), O_RDWR | O_CLOEXEC);
  loop_config config{};
  config.fd = static_cast<std::uint32_t>(file);
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  // Others may be looking for one, too.
  const bool attached = control >= 0 && file >= 0 &&
                        comes_true(
                            [&] {
                              const int number = ::ioctl(control, LOOP_CTL_GET_FREE);
                              if (number < 0) return false;
                              device_name_ = "/dev/loop" + std::to_string(number);
                              device_ = ::open(device_name_.c_str(), O_RDWR | O_CLOEXEC);
                              if (device_ >= 0 && ::ioctl(device_, LOOP_CONFIGURE, &config) == 0)
                                return true;
                              if (device_ >= 0) ::close(std::exchange(device_, -1));
                              return false;
                            },
                            std::chrono::milliseconds(2'000));
  std::string problem = attached ? "" : failed("a loop device");
  ::close(control);
  ::close(file);
  return problem;
}

std::string LoopDisk::mount() const {
  if (::mount(device_name_.c_str(), path_.c_str(), type_.c_str(), 0, nullptr) == 0) return {};
  return failed("mount " + type_);
}

std::string LoopDisk::cut_power() const {
  const int directory = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return failed("open " + path_);
  std::uint32_t how = kWithoutFlushingTheJournal;
  std::string problem = ::ioctl(directory, kShutDown, &how) == 0 ? "" : failed("shut down");
  ::close(directory);
  return problem;
}

std::string LoopDisk::mount_again() const {
  // The kernel may still be closing what the dead had open.
  if (!comes_true([&] { return ::umount2(path_.c_str(), 0) == 0; })) return failed("unmount");
  return mount();
}

}  // namespace tidelock::test
