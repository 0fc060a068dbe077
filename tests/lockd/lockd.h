#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/comes_true.h"

// The program `tidelock-lockd`, run from outside as a service manager would run it.
namespace tidelock::test {

class Lockd {
 public:
  explicit Lockd(const std::vector<std::string>& arguments,
                 const std::map<std::string, std::string>& environment = {},
                 uid_t user = ::getuid())
      : log_(::memfd_create("log", MFD_CLOEXEC)) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::dup2(log_, STDERR_FILENO);
    ::dup2(log_, STDOUT_FILENO);
    const int program = ::open(TIDELOCK_LOCKD, O_PATH | O_CLOEXEC);
    if (user != ::getuid() && ::setuid(user) != 0) ::_exit(126);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> words{const_cast<char*>(TIDELOCK_LOCKD)};
    for (const std::string& word : arguments) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    ::fexecve(program, words.data(), environ);
    ::_exit(127);
  }
  Lockd(Lockd&& other) noexcept : pid_(std::exchange(other.pid_, -1)), log_(::dup(other.log_)) {}
  Lockd& operator=(Lockd&&) = delete;
  ~Lockd() {
    if (pid_ > 0) {
      send(SIGKILL);
      (void)wait();
    }
    ::close(log_);
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void send(int signal) const { ::kill(pid_, signal); }
  // Whether it ends in good time.
  [[nodiscard]] bool ends() const {
    return comes_true([this] {
      siginfo_t facts{};
      ::waitid(P_PID, static_cast<id_t>(pid_), &facts, WEXITED | WNOHANG | WNOWAIT);
      return facts.si_pid == pid_;
    });
  }
  // Exit code; -1 if a signal ended it.
  [[nodiscard]] int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  [[nodiscard]] int stop() {
    send(SIGTERM);
    return wait();
  }

  // All that it has printed.
  [[nodiscard]] std::string log() const {
    std::string text(static_cast<std::size_t>(::lseek(log_, 0, SEEK_END)), '\0');
    const ssize_t got = ::pread(log_, text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(got));
    return text;
  }
  [[nodiscard]] bool says(const std::string& text, int times = 1) const {
    return comes_true([&] {
      const std::string all = log();
      int found = 0;
      for (std::size_t at = 0; (at = all.find(text, at)) != std::string::npos; ++at) ++found;
      return found >= times;
    });
  }
  // Whether it has a pidfd of that process.
  [[nodiscard]] bool watches(pid_t process) const {
    return comes_true([&] {
      std::error_code gone;
      const std::string folder = "/proc/" + std::to_string(pid_) + "/fdinfo";
      for (const auto& entry : std::filesystem::directory_iterator(folder, gone)) {
        std::ifstream file(entry.path());
        for (std::string line; std::getline(file, line);) {
          if (line == "Pid:\t" + std::to_string(process)) return true;
        }
      }
      return false;
    });
  }

 private:
  pid_t pid_ = -1;
  int log_;
};

// What a server at a Unix socket answers to GET; headers and body. Empty if it cannot be reached.
inline std::string http_get(const std::string& socket_path, const std::string& target) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_path.c_str(), sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string answer;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string request =
        "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    (void)::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    char bytes[4096];
    for (ssize_t n = 0; (n = ::read(fd, bytes, sizeof bytes)) > 0;) {
      answer.append(bytes, static_cast<std::size_t>(n));
    }
  }
  ::close(fd);
  return answer;
}

}  // namespace tidelock::test
