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
// system and this kernel, and that nobody else can plant files in it. kNotFound where it is missing
// and not to be made.
[[nodiscard]] Result<Ground> prepare_ground(const std::string& directory, const Options& options);
// After a failure: removes what prepare_ground has made, unless somebody has put anything there.
void leave_ground(const Ground& ground);

// Where there is no CURRENT: kCorruption if there are files of a database all the same. A manifest
// is none: a creation that died may leave one, and the next begins anew. Nor is anything where
// DESTROYED says that it is to go. Somebody who creates or destroys a database meanwhile is taken
// for such a case, so that must be known not to be.
[[nodiscard]] Status check_vacant(const std::string& directory);

}  // namespace tidelock::lsm
