#pragma once

#include <string>

namespace tidelock::test {

// A file system on a loop device over memory, whose power can be cut for real: the kernel stops
// writing to it at once and forgets what it had not written yet.
//
// To be made in a process of its own. It is mounted where only that process and its children see
// it, so when these are gone, however they ended, it is unmounted, the device is free again and the
// memory too.
class LoopDisk {
 public:
  // Mounted at `directory`/disk. `mkfs`: a command that is given the image, like "mkfs.ext4 -q";
  // `type`: its name to mount(2).
  LoopDisk(const std::string& directory, const std::string& mkfs, std::string type);
  ~LoopDisk();
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  // Why there is none: it takes root, loop devices and the command. Empty: there is one.
  [[nodiscard]] const std::string& missing() const { return missing_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  // From now on nothing is written. Yields what hinders it, as the next one does.
  [[nodiscard]] std::string cut_power() const;
  // What the next boot finds. Nobody may have a file of it open.
  [[nodiscard]] std::string mount_again() const;

 private:
  [[nodiscard]] std::string make(const std::string& image, const std::string& mkfs);
  [[nodiscard]] std::string attach(const std::string& image);
  [[nodiscard]] std::string mount() const;

  std::string path_;
  std::string type_;
  std::string device_name_;
  int device_ = -1;
  std::string missing_;
};

}  // namespace tidelock::test
