#pragma once

#include <string>

namespace tidelock::test {

// A file system on a block device whose writes can be made to fail, or to get lost unnoticed, or
// its reads to fail, too: by the device mapper's target "flakey". What the device held is
// overwritten.
class ErrorDisk {
 public:
  // Mounted at `directory`/disk. `mkfs`: a command that is given the device, like "mkfs.ext4 -q";
  // `type`: its name to mount(2).
  ErrorDisk(const std::string& device, const std::string& directory, const std::string& mkfs,
            std::string type);
  ~ErrorDisk();
  ErrorDisk(const ErrorDisk&) = delete;
  ErrorDisk& operator=(const ErrorDisk&) = delete;

  // What hindered it, or "", as with the others.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  enum class Fate : unsigned char { kWritesFail, kWritesGetLost, kAllFails };
  // From now on, for all that is read or written.
  [[nodiscard]] std::string meet(Fate fate) const;
  // What nobody has mapped is read from the device the next time. Of all file systems.
  static void drop_caches();
  // With a device in order, after a boot. Nobody may have a file of it open.
  [[nodiscard]] std::string mount_again() const;

 private:
  [[nodiscard]] std::string make(const std::string& mkfs);
  [[nodiscard]] std::string map(const std::string& verb, const std::string& times) const;
  [[nodiscard]] std::string mount() const;

  std::string device_;
  std::string path_;
  std::string type_;
  std::string name_;
  unsigned long sectors_ = 0;
  std::string problem_;
};

}  // namespace tidelock::test
