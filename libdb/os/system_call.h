#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

// The seam between the library and the kernel. Every system call of the library, and every store
// into a mapped file that must survive a power cut, announces itself here first. Production runs
// with no hook: one relaxed load. Tests install one to inject errors, to cut writes short, or to
// record what a power cut could have kept.
namespace tidelock::os {

enum class SystemCall : std::uint8_t {
  kOpen,
  kRead,
  kWrite,
  kDataSync,
  kSync,
  kAllocate,
  kPunchHole,
  kStat,
  kSetOwner,   // or mode
  kDuplicate,  // of a descriptor
  kMap,
  kAdvise,
  kStore,  // bytes copied into a shared mapping; cannot fail
  kRename,
  kUnlink,
  kMakeDirectory,
  kRemoveDirectory,
  kListDirectory,
  kSyncDirectory,
  kLock,
  kUnlock,
  kProbeLock,
  kWait,  // for a wake-up
  kWake,
};

struct SystemCallEvent {
  SystemCall call;
  std::string_view path;
  std::string_view target = {};          // kRename only: the new path
  std::uint64_t offset = 0;              // in the file; the byte, for locks
  std::uint64_t length = 0;              // bytes
  std::span<const std::byte> data = {};  // kWrite and kStore: what is written
};

struct SystemCallVerdict {
  int error = 0;  // errno to fail with instead of making the call; 0 = make it
  std::size_t length_max = std::numeric_limits<std::size_t>::max();  // cuts a read or write short
};

// Called on the thread that makes the call, possibly on several at once.
class SystemCallHook {
 public:
  virtual ~SystemCallHook() = default;
  virtual SystemCallVerdict before(const SystemCallEvent& event) = 0;
  // Only after calls that were made and succeeded.
  virtual void after(const SystemCallEvent& event) = 0;
};

namespace internal {
extern std::atomic<SystemCallHook*> system_call_hook;
}

// Null removes it. The caller keeps ownership; no call of the library may be under way.
void set_system_call_hook(SystemCallHook* hook) noexcept;

inline SystemCallVerdict announce(const SystemCallEvent& event) {
  // Pairs with the release in set_system_call_hook.
  SystemCallHook* hook = internal::system_call_hook.load(std::memory_order_acquire);
  return hook == nullptr ? SystemCallVerdict{} : hook->before(event);
}

inline void confirm(const SystemCallEvent& event) {
  SystemCallHook* hook = internal::system_call_hook.load(std::memory_order_acquire);
  if (hook != nullptr) hook->after(event);
}

// A sync that a signal interrupted may have been told of a write-back that failed, which the kernel
// tells once. Made again it would succeed: so it has failed, as any other that did not end well.
[[nodiscard]] constexpr bool is_made_again(SystemCall interrupted) {
  return interrupted != SystemCall::kDataSync && interrupted != SystemCall::kSync &&
         interrupted != SystemCall::kSyncDirectory;
}

// Makes a call that answers less than 0 and errno when it fails, or fails it as the hook says. One
// that a signal interrupted is made again, but for syncs.
template <typename Call>
auto perform(const SystemCallEvent& event, const Call& call) {
  decltype(call()) result;
  do {
    const int injected = announce(event).error;
    result = injected == 0 ? call() : -1;
    if (injected != 0) errno = injected;
  } while (result < 0 && errno == EINTR && is_made_again(event.call));
  if (result >= 0) confirm(event);
  return result;
}

}  // namespace tidelock::os
