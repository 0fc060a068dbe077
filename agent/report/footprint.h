#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

// What processes take of the machine, as the kernel tells it.
namespace tidelock::agent {

// What child processes used from their start to their end, their own children that they waited for
// included. The killed ones, too: the kernel keeps a dead process's counts until it is reaped.
struct Usage {
  std::uint64_t user_ns = 0, system_ns = 0;
  std::uint64_t voluntary_switches = 0, involuntary_switches = 0;
  // Of pages that were made dirty on a file system that lies on a device, whole pages; whether the
  // device has seen them, once or often, is not known to anybody. 0 in memory.
  std::uint64_t storage_bytes = 0;
  std::uint64_t call_bytes = 0;  // passed to write() and its relatives, whatever the file
  bool io_known = true;          // the two before; not if the kernel does not tell

  [[nodiscard]] std::uint64_t cpu_ns() const noexcept { return user_ns + system_ns; }
  // As waitpid, with WNOHANG or 0, and adds what the process used.
  pid_t reap(pid_t pid, int& wait_status, int flags);
};

// At one moment. What the kernel does not tell is absent.
struct Footprint {
  std::uint64_t cpu_ns = 0;  // of all clients that there were, up to now
  // Of all living clients, what they share counted once (Pss).
  std::optional<std::uint64_t> memory_bytes{};
  std::optional<std::uint64_t> directory_bytes{};  // allocated
};

[[nodiscard]] std::uint64_t cpu_ns(pid_t pid) noexcept;  // 0 if it is gone
[[nodiscard]] std::optional<std::uint64_t> shared_out_memory(std::span<const pid_t> pids);
// Of a file, or of a directory and all below it. Files may come and go meanwhile.
[[nodiscard]] std::optional<std::uint64_t> allocated_bytes(const std::string& path);

}  // namespace tidelock::agent
