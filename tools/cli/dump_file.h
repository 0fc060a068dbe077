#pragma once

#include <cstdio>
#include <string>

#include "tidelock/status.h"

namespace tidelock::cli {

// What a dump goes to: standard output, or a file that appears, or is replaced, when all of it is
// on disk. Until then it stands beside as FILE.PID.partial, which a failure removes and the death
// of the process leaves. A device or pipe is written to as it is.
class DumpFile {
 public:
  explicit DumpFile(const std::string& name);  // "-" is standard output
  DumpFile(const DumpFile&) = delete;
  DumpFile& operator=(const DumpFile&) = delete;
  ~DumpFile();

  // kIo if there is nothing to write to.
  [[nodiscard]] Status opened() const;
  // Lines are gathered before they go out, in one piece each time; `lines` is then empty.
  [[nodiscard]] Status write(std::string& lines);
  // The end: all lines are where they belong.
  [[nodiscard]] Status finish();

 private:
  [[nodiscard]] Status failure(const std::string& operation, const std::string& name) const;

  std::string name_;     // for messages, and to be renamed to
  std::string partial_;  // empty: written to as it is
  std::FILE* file_;
};

}  // namespace tidelock::cli
