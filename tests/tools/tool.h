#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

// The program `tidelock`, run from outside as a shell would run it.
namespace tidelock::test {

struct Outcome {
  int code = -1;  // exit code; -1 if a signal ended it
  std::string out;
  std::string err;
};

class Tool {
 public:
  // Starts the program. `user`: run as this one, if we may choose.
  explicit Tool(const std::vector<std::string>& arguments, uid_t user = ::getuid())
      : program_(::open(TIDELOCK_TOOL, O_RDONLY | O_CLOEXEC)),
        out_(::memfd_create("out", MFD_CLOEXEC)),
        err_(::memfd_create("err", MFD_CLOEXEC)) {
    std::array<int, 2> input{};
    if (program_ < 0 || ::pipe2(input.data(), O_CLOEXEC) != 0) std::abort();
    ::signal(SIGPIPE, SIG_IGN);  // a tool that does not read all of its input is no failure of ours
    pid_ = ::fork();
    if (pid_ == 0) become_tool(arguments, input[0], user);
    ::close(input[0]);
    input_ = input[1];
  }
  Tool(const Tool&) = delete;
  Tool& operator=(const Tool&) = delete;
  ~Tool() {
    if (pid_ > 0) {
      kill();
      (void)wait();
    }
    for (const int fd : {program_, out_, err_}) ::close(fd);
  }

  void feed(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = ::write(input_, bytes.data(), bytes.size());
      if (written <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  void kill() const { ::kill(pid_, SIGKILL); }
  [[nodiscard]] pid_t pid() const { return pid_; }

  // Ends its input and blocks until it ended.
  [[nodiscard]] Outcome wait() {
    ::close(input_);
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_all(out_), read_all(err_)};
  }

 private:
  [[noreturn]] void become_tool(const std::vector<std::string>& arguments, int input, uid_t user) {
    ::signal(SIGPIPE, SIG_DFL);
    ::dup2(input, STDIN_FILENO);
    ::dup2(out_, STDOUT_FILENO);
    ::dup2(err_, STDERR_FILENO);
    if (user != ::getuid() && ::setuid(user) != 0) ::_exit(126);
    std::vector<char*> argv = {const_cast<char*>("tidelock")};
    for (const std::string& one : arguments) argv.push_back(const_cast<char*>(one.c_str()));
    argv.push_back(nullptr);
    ::fexecve(program_, argv.data(), environ);
    ::_exit(127);
  }

  static std::string read_all(int fd) {
    std::string bytes(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)), '\0');
    return ::pread(fd, bytes.data(), bytes.size(), 0) < 0 ? std::string() : bytes;
  }

  int program_;
  int out_;
  int err_;
  int input_ = -1;
  pid_t pid_ = -1;
};

// Runs it to its end.
inline Outcome run_tool(const std::vector<std::string>& arguments, std::string_view input = {}) {
  Tool tool(arguments);
  tool.feed(input);
  return tool.wait();
}

// What it printed, if it ended well; else what went wrong, in words that no test expects.
inline std::string output_of(const std::vector<std::string>& arguments,
                             std::string_view input = {}) {
  const Outcome outcome = run_tool(arguments, input);
  if (outcome.code == 0) return outcome.out;
  return "exit code " + std::to_string(outcome.code) + ": " + outcome.err;
}

// The exit code of `tidelock WORDS`, words as a shell reads them.
inline int run_by_shell(const std::string& words) {
  const int status = std::system((std::string(TIDELOCK_TOOL) + " " + words).c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace tidelock::test
