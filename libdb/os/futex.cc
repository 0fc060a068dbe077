#include "os/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os/system_call.h"

namespace tidelock::os {

static_assert(sizeof(std::atomic<std::uint32_t>) == 4);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                std::chrono::nanoseconds timeout) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  const struct timespec limit {
    static_cast<time_t>(seconds.count()), static_cast<long>((timeout - seconds).count())
  };
  // However it ends, the caller looks again; one that is interrupted is not waited for anew.
  if (announce({.call = SystemCall::kWait, .path = {}}).error != 0) return;
  ::syscall(SYS_futex, &word, FUTEX_WAIT, expected, &limit, nullptr, 0);
}

int futex_wake(std::atomic<std::uint32_t>& word, int count) noexcept {
  const SystemCallEvent event{.call = SystemCall::kWake, .path = {}};
  return static_cast<int>(perform(
      event, [&] { return ::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0); }));
}

}  // namespace tidelock::os
