#pragma once

#include <string>

namespace tidelock::cli {

// Where the queue of a locked path lives: beside it, whether the path is a file, a directory, or
// nothing at all.
[[nodiscard]] inline std::string queue_path(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path + ".tidelock";
}

}  // namespace tidelock::cli
