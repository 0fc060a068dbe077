#include "lockd/process_handle.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>

namespace tidelock::lockd {

namespace {

struct Facts {
  char state = '\0';
  std::uint64_t start_time = 0;
};

// proc(5). The second field, the name, is in parentheses and may hold anything.
std::optional<Facts> read_facts(std::int32_t pid) {
  std::ifstream stream("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(stream, line);
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  Facts facts;
  fields >> facts.state;
  std::string skipped;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  fields >> facts.start_time;
  if (!fields) return std::nullopt;
  return facts;
}

// 0 if it is not told.
std::uint64_t pid_namespace(const std::string& process) {
  struct stat facts {};
  return ::stat(("/proc/" + process + "/ns/pid").c_str(), &facts) == 0 ? facts.st_ino : 0;
}

bool has_ended(int pidfd) {
  // Signal 0 asks whether it could be sent; a process that has ended may not be reaped yet.
  return ::syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0U) != 0 && errno == ESRCH;
}

}  // namespace

std::optional<ProcessHandle> ProcessHandle::of(const LockMember& member, Doubt& doubt) {
  doubt = Doubt::kUnknown;
  static const std::uint64_t own_namespace = pid_namespace("self");
  const bool recorded = member.pid_namespace != 0 && member.start_time != 0;
  if (member.pid <= 0 || !recorded || member.pid_namespace != own_namespace) return std::nullopt;
  const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, member.pid, 0U));
  if (fd < 0) {
    if (errno == ESRCH) doubt = Doubt::kGone;
    return std::nullopt;
  }
  ProcessHandle handle(fd, member.pid);
  const std::optional<Facts> facts = read_facts(member.pid);
  // The number may be another's by now, or the process may have ended since: then what was read
  // says nothing of it.
  if (has_ended(fd) || (facts && facts->start_time != member.start_time)) {
    doubt = Doubt::kGone;
    return std::nullopt;
  }
  if (!facts) return std::nullopt;
  const std::uint64_t theirs = pid_namespace(std::to_string(member.pid));
  if (theirs != 0 && theirs != own_namespace) return std::nullopt;
  doubt = Doubt::kNone;
  return handle;
}

ProcessHandle::~ProcessHandle() {
  if (fd_ >= 0) ::close(fd_);
}

bool ProcessHandle::is_stopped() const {
  const std::optional<Facts> facts = read_facts(pid_);
  return facts && facts->state == 'T' && !has_ended(fd_);
}

// "lock:\t1: OFDLCK ADVISORY  WRITE -1 08:01:4711 1024 1024" in fdinfo: device, inode, first and
// last byte. The device is left out: some file systems show another one than stat does.
bool ProcessHandle::holds_byte(const std::string& path, std::uint64_t byte) const {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return false;
  const std::string of_file = ":" + std::to_string(facts.st_ino) + " ";
  const std::string range = std::to_string(byte) + " " + std::to_string(byte);
  std::error_code failed;
  std::filesystem::directory_iterator files("/proc/" + std::to_string(pid_) + "/fdinfo", failed);
  for (; !failed && files != std::filesystem::directory_iterator(); files.increment(failed)) {
    std::ifstream stream(files->path());
    for (std::string line; std::getline(stream, line);) {
      if (line.starts_with("lock:") && line.find(" OFDLCK ") != std::string::npos &&
          line.find(" WRITE ") != std::string::npos && line.ends_with(of_file + range)) {
        return !has_ended(fd_);
      }
    }
  }
  return false;
}

bool ProcessHandle::kill() const {
  return ::syscall(SYS_pidfd_send_signal, fd_, SIGKILL, nullptr, 0U) == 0;
}

}  // namespace tidelock::lockd
