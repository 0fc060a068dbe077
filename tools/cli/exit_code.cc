#include "cli/exit_code.h"

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

}  // namespace tidelock::cli
