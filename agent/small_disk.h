#pragma once

#include <cstdint>
#include <string>

#include "tidelock/status.h"

namespace tidelock::agent {

// A file system in memory of a few bytes, to become full, mounted over a directory for as long as
// this lives. Only this process and the children that it forks later see it, so it is gone with
// them, however they end. Needs root.
class SmallDisk {
 public:
  // The directory is made if it is not there. kPermission, kIo.
  [[nodiscard]] static Result<SmallDisk> mount(const std::string& directory, std::uint64_t size);
  SmallDisk(SmallDisk&& other) noexcept;
  SmallDisk& operator=(SmallDisk&&) = delete;
  ~SmallDisk();

  [[nodiscard]] Status grow(std::uint64_t size) const;

 private:
  explicit SmallDisk(std::string directory) : directory_(std::move(directory)) {}
  std::string directory_;  // empty: nothing is mounted
};

}  // namespace tidelock::agent
