#pragma once

#include <atomic>
#include <cstdint>
#include <string>

// Named places in the protocols where a test kills, stops or observes the process. Each name
// stands once in the sources. Disarmed, a point is one relaxed load.
#define TIDELOCK_CRASH_POINT(name)                                                                \
  do {                                                                                            \
    if (::tidelock::os::internal::crash_point_visitor.load(std::memory_order_relaxed) != nullptr) \
        [[unlikely]] {                                                                            \
      ::tidelock::os::internal::visit_crash_point(name);                                          \
    }                                                                                             \
  } while (false)

namespace tidelock::os {

// Called on the thread that reaches a point.
using CrashPointVisitor = void (*)(const char* name);

namespace internal {
extern std::atomic<CrashPointVisitor> crash_point_visitor;
void visit_crash_point(const char* name);
}  // namespace internal

// Null removes it.
void set_crash_point_visitor(CrashPointVisitor visitor) noexcept;

// Delivers `signal` (SIGKILL, SIGSTOP) to this process at its `nth` (1 = next) visit of `name`.
// Replaces the visitor. A forked child inherits it.
void arm_crash_point(const std::string& name, std::uint64_t nth, int signal);

}  // namespace tidelock::os
