#pragma once

#include <string>

#include "tidelock/options.h"
#include "tidelock/status.h"

// The directory before anything in it is touched.
namespace tidelock::lsm {

struct Ground {
  std::string path;   // canonical
  bool made = false;  // by this call
};

// Sees to it that the directory is there, if the options say so, that databases work on its file
// system, and that nobody else can plant files in it. Where there is no database and none is to be
// made: kNotFound, or kCorruption if there are files of one.
[[nodiscard]] Result<Ground> prepare_ground(const std::string& directory, const Options& options);
// After a failure: removes what prepare_ground has made, unless somebody has put anything there.
void leave_ground(const Ground& ground);

}  // namespace tidelock::lsm
