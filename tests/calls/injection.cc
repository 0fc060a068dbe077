#include "calls/injection.h"

#include <algorithm>

namespace tidelock::test {

using os::SystemCall;

std::vector<int> errors_of(SystemCall call) {
  switch (call) {
    case SystemCall::kOpen:
      return {EIO, ENOSPC, EDQUOT, EMFILE, ENOMEM, EINTR};
    case SystemCall::kRead:
      return {EIO, ENOMEM, EINTR};
    case SystemCall::kWrite:
    case SystemCall::kDataSync:
    case SystemCall::kSync:
    case SystemCall::kAllocate:
      return {EIO, ENOSPC, EDQUOT, EINTR};
    case SystemCall::kSyncDirectory:
      return {EIO, ENOSPC, EMFILE, ENOMEM, EINTR};
    case SystemCall::kPunchHole:
      return {EIO, ENOSPC, EOPNOTSUPP, EINTR};
    case SystemCall::kStat:
      return {EIO, ENOMEM, EINTR};
    case SystemCall::kSetOwner:
      return {EIO, EDQUOT, EINTR};
    case SystemCall::kDuplicate:
      return {EMFILE};
    case SystemCall::kMap:
    case SystemCall::kAdvise:
      return {ENOMEM};
    case SystemCall::kRename:
    case SystemCall::kMakeDirectory:
      return {EIO, ENOSPC, EDQUOT, ENOMEM};
    case SystemCall::kUnlink:
    case SystemCall::kRemoveDirectory:
      return {EIO, ENOSPC, ENOMEM};
    case SystemCall::kListDirectory:
      return {EIO, EMFILE, ENOMEM};
    case SystemCall::kLock:
      return {ENOLCK, EINTR};
    case SystemCall::kProbeLock:
      return {EIO, EINTR};
    case SystemCall::kUnlock:
    case SystemCall::kWait:
    case SystemCall::kWake:
      return {EINTR};
    case SystemCall::kStore:
      return {};
  }
  return {};
}

const char* name_of_error(int error) {
  return error == 0 ? "short" : ::strerrorname_np(error);
}

bool Injector::is_due() const {
  constexpr std::uint64_t kInterruptionsMax = 3;
  if (lifted_ || calls_ < injection_.call) return false;
  switch (injection_.kind) {
    case Injection::Kind::kOnce:
    case Injection::Kind::kShort:
      return calls_ == injection_.call;
    case Injection::Kind::kUntilTold:
    case Injection::Kind::kForEver:
      return injection_.error != EINTR || met_ < kInterruptionsMax;
  }
  return false;
}

bool Injector::lift() {
  lifted_ = injection_.kind != Injection::Kind::kForEver;
  return to_be_told_;
}

os::SystemCallVerdict Injector::before(const os::SystemCallEvent& event) {
  ++calls_;
  if (!is_due()) return {};
  if (injection_.kind == Injection::Kind::kShort) {
    ++met_;
    return {.length_max = 1};
  }
  const std::vector<int> errors = errors_of(event.call);
  if (std::ranges::find(errors, injection_.error) == errors.end()) return {};
  ++met_;
  if (injection_.error != EINTR || !os::is_made_again(event.call)) to_be_told_ = true;
  return {.error = injection_.error};
}

}  // namespace tidelock::test
