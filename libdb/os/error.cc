#include "os/error.h"

#include <cerrno>
#include <string>
#include <system_error>

namespace tidelock::os {

namespace {

StatusCode code_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return StatusCode::kNoSpace;
    case EACCES:
    case EPERM:
    case EROFS:
      return StatusCode::kPermission;
    case ENOENT:
      return StatusCode::kNotFound;
    case EEXIST:
      return StatusCode::kExists;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return StatusCode::kLimit;
    case ENAMETOOLONG:
      return StatusCode::kInvalid;
    case ELOOP:
    case EMLINK:
      return StatusCode::kUnsupported;
    default:
      return StatusCode::kIo;
  }
}

}  // namespace

Status error_status(int error, std::string_view operation, std::string_view path) {
  std::string message(operation);
  message.append(" ").append(path).append(": ");
  message += std::generic_category().message(error);
  if (error == ELOOP) message += " (a symbolic link in place of a database file is refused)";
  if (error == EMLINK) message += " (a database file with several hard links is refused)";
  return Status(code_of(error), std::move(message));
}

}  // namespace tidelock::os
