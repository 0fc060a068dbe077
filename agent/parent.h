#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstdint>
#include <functional>
#include <string>

namespace tidelock::agent {

// What a process that forks clients needs: while a Parent lives, SIGCHLD, SIGINT and SIGTERM are
// waited for instead of acted on, and should the process die, the kernel kills its children. Only
// in a process of one thread, so that a fork copies nothing in motion.
class Parent {
 public:
  Parent();
  ~Parent();
  Parent(const Parent&) = delete;
  Parent& operator=(const Parent&) = delete;

  // The child runs `life` and exits with what it returns; a terminal's signals are none of its
  // business. The child's pid, or -1 and errno.
  [[nodiscard]] pid_t fork_child(const std::function<int()>& life) const;
  // Sleeps until the time has come or a child changed its state. False if a signal (SIGINT,
  // SIGTERM) asked to stop.
  [[nodiscard]] bool wait_until(std::uint64_t time_ns) const;

 private:
  sigset_t signals_{};
  sigset_t signals_before_{};
};

// "died by signal 9 (Killed)", of what waitpid said.
[[nodiscard]] std::string describe_end(int wait_status);

// Exit code 1 is a failure that the child has reported itself.
[[nodiscard]] bool is_accident(int wait_status) noexcept;

}  // namespace tidelock::agent
