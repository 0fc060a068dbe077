#include "os/crash_point.h"

#include <signal.h>
#include <unistd.h>

namespace tidelock::os {

namespace internal {

std::atomic<CrashPointVisitor> crash_point_visitor{nullptr};

void visit_crash_point(const char* name) {
  const CrashPointVisitor visitor = crash_point_visitor.load(std::memory_order_acquire);
  if (visitor != nullptr) visitor(name);
}

}  // namespace internal

namespace {

struct Armed {
  std::string name;
  std::atomic<std::uint64_t> visits_left{0};
  int signal = 0;
};

Armed& armed() {
  static Armed instance;
  return instance;
}

void deliver_if_armed(const char* name) {
  Armed& target = armed();
  if (target.name == name && target.visits_left.fetch_sub(1, std::memory_order_relaxed) == 1) {
    ::kill(::getpid(), target.signal);
  }
}

}  // namespace

void set_crash_point_visitor(CrashPointVisitor visitor) noexcept {
  internal::crash_point_visitor.store(visitor, std::memory_order_release);
}

void arm_crash_point(const std::string& name, std::uint64_t nth, int signal) {
  set_crash_point_visitor(nullptr);
  armed().name = name;
  armed().visits_left.store(nth, std::memory_order_relaxed);
  armed().signal = signal;
  set_crash_point_visitor(deliver_if_armed);
}

}  // namespace tidelock::os
