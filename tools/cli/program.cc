#include "cli/program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace tidelock::cli {
namespace {

// Holds back the signals that the waiting deals with, from before the program starts.
class Signals {
 public:
  Signals() {
    ::signal(SIGCHLD, SIG_DFL);  // were it ignored, the kernel would forget how the program ended
    ::sigemptyset(&awaited_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) {
      ::sigaddset(&awaited_, number);
    }
    ::sigprocmask(SIG_BLOCK, &awaited_, &before_);
  }
  ~Signals() { restore(); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  void restore() const { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  [[nodiscard]] siginfo_t next() const {
    siginfo_t facts{};
    while (::sigwaitinfo(&awaited_, &facts) < 0) {
    }
    return facts;
  }

 private:
  sigset_t awaited_{};
  sigset_t before_{};
};

Status failure(int error, const std::string& what) {
  const StatusCode code = error == ENOENT || error == ENOTDIR  ? StatusCode::kNotFound
                          : error == EAGAIN || error == ENOMEM ? StatusCode::kLimit
                                                               : StatusCode::kPermission;
  return Status(code, what + ": " + std::strerror(error));
}

[[noreturn]] void become(const std::vector<std::string>& words, const Signals& signals,
                         int report) {
  signals.restore();
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  const int error = errno;
  (void)!::write(report, &error, sizeof error);
  ::_exit(127);
}

int code_of(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

int wait_for(pid_t pid, const Signals& signals) {
  for (;;) {
    const siginfo_t signal = signals.next();
    if (signal.si_signo != SIGCHLD) {
      if (signal.si_code != SI_KERNEL) ::kill(pid, signal.si_signo);
      continue;
    }
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) return code_of(status);
  }
}

}  // namespace

Result<int> run_program(const std::vector<std::string>& words) {
  const std::string what = "run " + words.front();
  std::array<int, 2> report{};  // closed without a word when the program runs
  if (::pipe2(report.data(), O_CLOEXEC) != 0) return failure(EAGAIN, what);
  const Signals signals;
  const pid_t pid = ::fork();
  const int fork_error = errno;
  if (pid == 0) become(words, signals, report[1]);
  ::close(report[1]);
  int error = 0;
  const bool failed = pid > 0 && ::read(report[0], &error, sizeof error) == sizeof error;
  ::close(report[0]);
  if (pid < 0) return failure(fork_error, what);
  const int code = wait_for(pid, signals);
  return failed ? Result<int>(failure(error, what)) : Result<int>(code);
}

}  // namespace tidelock::cli
