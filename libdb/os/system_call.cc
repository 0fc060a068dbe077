#include "os/system_call.h"

namespace tidelock::os {

namespace internal {
std::atomic<SystemCallHook*> system_call_hook{nullptr};
}

void set_system_call_hook(SystemCallHook* hook) noexcept {
  internal::system_call_hook.store(hook, std::memory_order_release);
}

}  // namespace tidelock::os
