#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "tidelock/status.h"

namespace tidelock::os {

[[nodiscard]] std::int32_t process_id() noexcept;
// The program's name as the kernel shows it; "unknown" if it does not say.
[[nodiscard]] std::string program_name();
// What tells a process from all others that have, had or will have its number. Zeros where /proc
// does not say.
struct ProcessBirth {
  std::uint64_t pid_namespace = 0;  // inode of /proc/PID/ns/pid
  std::uint64_t start_time = 0;     // field 22 of /proc/PID/stat, clock ticks
};
[[nodiscard]] ProcessBirth process_birth();
// From the kernel's generator; never 0.
[[nodiscard]] std::uint64_t random_u64() noexcept;

// Changes with every boot: the kernel's boot id, hashed.
[[nodiscard]] Result<std::uint64_t> boot_identity();
// Changes with every mount, where the kernel can tell (unique mount id, 6.8), else the mount's
// reusable id.
[[nodiscard]] Result<std::uint64_t> mount_identity(const std::string& path);

// Tells a process from its forked children, also those made by clone() behind libc's back: it
// lies on a page that the kernel wipes in a child. A handle keeps the token of the process that
// made it and answers kForked where the tokens differ. A child has a token of its own, so it may
// open anew.
[[nodiscard]] std::uint64_t process_token() noexcept;
// Sees to it that there is that page; every opening of a file does. 0, or the error: there is no
// memory, or the kernel does not wipe pages.
[[nodiscard]] int prepare_process_token() noexcept;
// Where it lies; in a forked child it reads 0 there, or the child's own.
[[nodiscard]] const std::atomic<std::uint64_t>& process_token_word() noexcept;

}  // namespace tidelock::os
