#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace tidelock::test {

enum class Where {
  kDisk,    // a real file system: $TMPDIR or /tmp
  kMemory,  // tmpfs, where syncs cost nothing; for tests that kill processes, not machines
};

// A fresh directory, removed with all it holds at the end of the scope.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(Where where = Where::kDisk) {
    const std::filesystem::path parent =
        where == Where::kMemory && std::filesystem::is_directory("/dev/shm")
            ? std::filesystem::path("/dev/shm")
            : std::filesystem::temp_directory_path();
    std::string name = (parent / "tidelock-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace tidelock::test
