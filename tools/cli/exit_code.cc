#include "cli/exit_code.h"

#include <sysexits.h>

namespace tidelock::cli {

ExitCode exit_code(StatusCode code) noexcept {
  switch (code) {
    case StatusCode::kOk:
      return ExitCode::kOk;
    case StatusCode::kNotFound:
      return ExitCode::kNotFound;
    case StatusCode::kExists:
    case StatusCode::kInvalid:
    case StatusCode::kTooLarge:
    case StatusCode::kReadOnly:
    case StatusCode::kForked:
    case StatusCode::kClosed:
      return ExitCode::kUsage;
    case StatusCode::kBusy:
    case StatusCode::kTimedOut:
      return ExitCode::kBusy;
    case StatusCode::kCorruption:
      return ExitCode::kDamage;
    case StatusCode::kIo:
    case StatusCode::kNoSpace:
    case StatusCode::kPermission:
    case StatusCode::kUnsupported:
    case StatusCode::kNotDurable:
    case StatusCode::kLimit:
      return ExitCode::kIo;
  }
  return ExitCode::kIo;
}

ExitCode wrapper_exit_code(StatusCode code) noexcept {
  switch (code) {
    case StatusCode::kInvalid:
      return ExitCode{EX_USAGE};
    case StatusCode::kNotFound:  // the directory of the queue file
    case StatusCode::kPermission:
    case StatusCode::kNoSpace:
      return ExitCode{EX_CANTCREAT};
    case StatusCode::kBusy:  // another release has laid the queue file out
    case StatusCode::kUnsupported:
    case StatusCode::kLimit:
      return ExitCode{EX_UNAVAILABLE};
    default:
      return ExitCode{EX_OSERR};
  }
}

}  // namespace tidelock::cli
