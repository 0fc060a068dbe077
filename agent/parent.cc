#include "agent/parent.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

#include "agent/clock.h"

namespace tidelock::agent {

Parent::Parent() {
  sigemptyset(&signals_);
  for (const int signal : {SIGCHLD, SIGINT, SIGTERM}) sigaddset(&signals_, signal);
  sigprocmask(SIG_BLOCK, &signals_, &signals_before_);
}

Parent::~Parent() {
  sigprocmask(SIG_SETMASK, &signals_before_, nullptr);
}

pid_t Parent::fork_child(const std::function<int()>& life) const {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it died before the line above
  // A terminal sends them to all; the parent alone answers.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_IGN);
  sigprocmask(SIG_SETMASK, &signals_before_, nullptr);
  ::_exit(life());  // not exit: the parent's buffers are not ours to flush
}

bool Parent::wait_until(std::uint64_t time_ns) const {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  const std::uint64_t now = now_ns();
  const std::uint64_t left = time_ns > now ? time_ns - now : 0;
  const ::timespec timeout{.tv_sec = static_cast<std::time_t>(left / kSecond),
                           .tv_nsec = static_cast<long>(left % kSecond)};
  const int signal = ::sigtimedwait(&signals_, nullptr, &timeout);
  return signal != SIGINT && signal != SIGTERM;
}

std::string describe_end(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    return std::string("died by signal ") + std::to_string(WTERMSIG(wait_status)) + " (" +
           ::strsignal(WTERMSIG(wait_status)) + ")";
  }
  return "ended with exit code " + std::to_string(WEXITSTATUS(wait_status));
}

bool is_accident(int wait_status) noexcept {
  return WIFSIGNALED(wait_status) || WEXITSTATUS(wait_status) > 1;
}

}  // namespace tidelock::agent
