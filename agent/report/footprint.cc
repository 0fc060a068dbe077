#include "agent/report/footprint.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// The number that follows `name` in a file of lines "name: number".
std::optional<std::uint64_t> number_in(const std::string& file, std::string_view name) {
  std::ifstream in(file);
  for (std::string word; in >> word;) {
    std::uint64_t number = 0;
    if (word == name && in >> number) return number;
  }
  return std::nullopt;
}

std::string of_process(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + file;
}

std::uint64_t in_ns(const timeval& time) noexcept {
  return static_cast<std::uint64_t>(time.tv_sec) * kSecond +
         static_cast<std::uint64_t>(time.tv_usec) * 1'000;
}

std::optional<std::uint64_t> allocated_by(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

}  // namespace

pid_t Usage::reap(pid_t pid, int& wait_status, int flags) {
  siginfo_t dead{};
  const idtype_t which = pid == -1 ? P_ALL : P_PID;
  if (::waitid(which, static_cast<id_t>(pid), &dead, WEXITED | WNOWAIT | flags) != 0) return -1;
  if (dead.si_pid == 0) return 0;
  const std::string io = of_process(dead.si_pid, "/io");
  const auto storage = number_in(io, "write_bytes:"), calls = number_in(io, "wchar:");
  rusage used{};
  if (::wait4(dead.si_pid, &wait_status, 0, &used) != dead.si_pid) return -1;
  io_known = io_known && storage && calls;
  storage_bytes += storage.value_or(0);
  call_bytes += calls.value_or(0);
  user_ns += in_ns(used.ru_utime);
  system_ns += in_ns(used.ru_stime);
  voluntary_switches += static_cast<std::uint64_t>(used.ru_nvcsw);
  involuntary_switches += static_cast<std::uint64_t>(used.ru_nivcsw);
  return dead.si_pid;
}

std::uint64_t cpu_ns(pid_t pid) noexcept {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<std::uint64_t>(time.tv_sec) * kSecond +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::optional<std::uint64_t> shared_out_memory(std::span<const pid_t> pids) {
  std::optional<std::uint64_t> sum;
  for (const pid_t pid : pids) {
    const auto kilobytes = number_in(of_process(pid, "/smaps_rollup"), "Pss:");
    if (kilobytes) sum = sum.value_or(0) + *kilobytes * 1024;
  }
  return sum;
}

std::optional<std::uint64_t> allocated_bytes(const std::string& path) {
  std::optional<std::uint64_t> sum = allocated_by(path);
  std::error_code error;
  std::filesystem::recursive_directory_iterator entry(path, error), end;
  while (!error && entry != end) {
    sum = sum.value_or(0) + allocated_by(entry->path()).value_or(0);
    entry.increment(error);
  }
  return sum;
}

}  // namespace tidelock::agent
