#include "tidelock/status.h"

#include <optional>

namespace tidelock {

struct Status::Facts {
  StatusCode code;
  std::string message;
  std::optional<BusyInfo> busy;
};

const char* to_string(StatusCode code) noexcept {
  switch (code) {
    case StatusCode::kOk:
      return "ok";
    case StatusCode::kBusy:
      return "busy";
    case StatusCode::kTimedOut:
      return "timed out";
    case StatusCode::kNotFound:
      return "not found";
    case StatusCode::kExists:
      return "exists";
    case StatusCode::kCorruption:
      return "corruption";
    case StatusCode::kIo:
      return "io";
    case StatusCode::kNoSpace:
      return "no space";
    case StatusCode::kPermission:
      return "permission";
    case StatusCode::kInvalid:
      return "invalid";
    case StatusCode::kTooLarge:
      return "too large";
    case StatusCode::kUnsupported:
      return "unsupported";
    case StatusCode::kNotDurable:
      return "not durable";
    case StatusCode::kReadOnly:
      return "read only";
    case StatusCode::kForked:
      return "forked";
    case StatusCode::kClosed:
      return "closed";
    case StatusCode::kLimit:
      return "limit";
  }
  return "unknown";
}

Status::Status(StatusCode code, std::string message)
    : facts_(code == StatusCode::kOk
                 ? nullptr
                 : std::make_shared<const Facts>(Facts{code, std::move(message), std::nullopt})) {}

Status::Status(StatusCode code, std::string message, BusyInfo busy)
    : facts_(code == StatusCode::kOk ? nullptr
                                     : std::make_shared<const Facts>(
                                           Facts{code, std::move(message), std::move(busy)})) {}

StatusCode Status::code() const noexcept {
  return ok() ? StatusCode::kOk : facts_->code;
}

const std::string& Status::message() const noexcept {
  static const std::string kEmpty;
  return ok() ? kEmpty : facts_->message;
}

const BusyInfo* Status::busy() const noexcept {
  return ok() || !facts_->busy ? nullptr : &*facts_->busy;
}

std::string Status::to_string() const {
  if (ok()) return "ok";
  return std::string(tidelock::to_string(code())) + ": " + message();
}

}  // namespace tidelock
