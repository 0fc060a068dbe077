#pragma once

#include <string_view>

#include "tidelock/status.h"

namespace tidelock::os {

// The status for an errno: "open /db/CURRENT: Permission denied". ENOSPC, EDQUOT and EFBIG are
// kNoSpace; EACCES, EPERM and EROFS kPermission; ENOENT kNotFound; EEXIST kExists; EMFILE, ENFILE
// and ENOMEM kLimit; ELOOP and EMLINK (a link where a file of ours should be) kUnsupported; all
// others kIo.
[[nodiscard]] Status error_status(int error, std::string_view operation, std::string_view path);

}  // namespace tidelock::os
