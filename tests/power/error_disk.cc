#include "power/error_disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include "support/comes_true.h"

namespace tidelock::test {

namespace {

std::string failed(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

std::string run(const std::string& command) {
  return std::system(("PATH=$PATH:/usr/sbin:/sbin; " + command).c_str()) == 0 ? "" : command;
}

// The target has good and bad times in turn, in seconds: the one or the other is for ever here.
constexpr const char* kGood = "3600000 0";

const char* times_of(ErrorDisk::Fate fate) {
  switch (fate) {
    case ErrorDisk::Fate::kWritesFail:
      return "0 3600000 1 error_writes";
    case ErrorDisk::Fate::kWritesGetLost:
      return "0 3600000 1 drop_writes";
    case ErrorDisk::Fate::kAllFails:
      break;
  }
  return "0 3600000";
}

unsigned long sectors_of(const std::string& device) {
  std::uint64_t bytes = 0;
  const int file = ::open(device.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 || ::ioctl(file, BLKGETSIZE64, &bytes) != 0) bytes = 0;
  ::close(file);
  return bytes / 512;
}

}  // namespace

ErrorDisk::ErrorDisk(const std::string& device, const std::string& directory,
                     const std::string& mkfs, std::string type)
    : device_(device),
      path_(directory + "/disk"),
      type_(std::move(type)),
      name_("tidelock-" + std::to_string(::getpid())),
      sectors_(sectors_of(device)) {
  problem_ = make(mkfs);
}

ErrorDisk::~ErrorDisk() {
  ::umount2(path_.c_str(), MNT_DETACH);
  (void)run("dmsetup remove --retry --noudevsync " + name_ + " >/dev/null 2>&1");
  ::rmdir(path_.c_str());
}

std::string ErrorDisk::make(const std::string& mkfs) {
  if (sectors_ == 0) return failed("the size of " + device_);
  if (std::string problem = map("create --noudevsync", kGood); !problem.empty()) return problem;
  const std::string commands = "dmsetup mknodes " + name_ + " && " + mkfs + " /dev/mapper/" + name_;
  if (std::string problem = run(commands + " >/dev/null"); !problem.empty()) return problem;
  ::mkdir(path_.c_str(), 0700);
  return mount();
}

std::string ErrorDisk::map(const std::string& verb, const std::string& times) const {
  return run("dmsetup " + verb + " " + name_ + " --table '0 " + std::to_string(sectors_) +
             " flakey " + device_ + " 0 " + times + "'");
}

std::string ErrorDisk::mount() const {
  const std::string device = "/dev/mapper/" + name_;
  if (::mount(device.c_str(), path_.c_str(), type_.c_str(), 0, nullptr) == 0) return {};
  return failed("mount " + type_);
}

// What waits to be written is not written first: it meets the same fate.
std::string ErrorDisk::meet(Fate fate) const {
  if (std::string problem = map("load", times_of(fate)); !problem.empty()) return problem;
  return run("dmsetup suspend --nolockfs --noflush " + name_ + " && dmsetup resume --noudevsync " +
             name_);
}

void ErrorDisk::drop_caches() {
  std::ofstream("/proc/sys/vm/drop_caches") << 3;
}

std::string ErrorDisk::mount_again() const {
  // The kernel may still be closing what the dead had open.
  if (!comes_true([&] { return ::umount2(path_.c_str(), 0) == 0; })) return failed("unmount");
  if (std::string problem = map("load", kGood); !problem.empty()) return problem;
  if (std::string problem =
          run("dmsetup suspend " + name_ + " && dmsetup resume --noudevsync " + name_);
      !problem.empty()) {
    return problem;
  }
  return mount();
}

}  // namespace tidelock::test
