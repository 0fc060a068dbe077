#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <utility>

namespace tidelock::test {

// Said by a child: it ends with its parent, however that ends, unless that was another thread.
inline void die_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
}

// A forked child that runs `body` and exits with what it returns. Killed, if still running, at the
// end of the scope. The body must not use gtest assertions: they would print from two processes.
class ChildProcess {
 public:
  explicit ChildProcess(const std::function<int()>& body) : pid_(::fork()) {
    if (pid_ == 0) ::_exit(body());
  }
  ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait();
    }
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void send(int signal) const { ::kill(pid_, signal); }
  // Blocks until it stopped (SIGSTOP) or ended: the wait status.
  int wait_for_stop() const {
    int status = 0;
    ::waitpid(pid_, &status, WUNTRACED);
    return status;
  }
  [[nodiscard]] bool has_ended() const {
    siginfo_t facts{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &facts, WEXITED | WNOHANG | WNOWAIT);
    return facts.si_pid == pid_;
  }
  // Blocks until it ended: the wait status, see WIFSIGNALED and WEXITSTATUS.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

 private:
  pid_t pid_;
};

inline bool killed_by(int wait_status, int signal) {
  return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == signal;
}

inline bool exited_with(int wait_status, int code) {
  return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == code;
}

}  // namespace tidelock::test
