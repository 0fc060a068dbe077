#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "os/file.h"
#include "tidelock/status.h"

namespace tidelock::os {

// A text file that several processes append to, one write call a line. Made if it is missing.
class AppendFile {
 public:
  [[nodiscard]] static Result<AppendFile> open(const std::string& path,
                                               const FileOwnership& ownership);
  [[nodiscard]] Status append(std::string_view line);
  // In bytes; the file may have been removed or renamed by now.
  [[nodiscard]] Result<std::uint64_t> size() const { return file_.size(); }

 private:
  explicit AppendFile(File file) : file_(std::move(file)) {}
  File file_;
};

}  // namespace tidelock::os
