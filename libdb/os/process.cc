#include "os/process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "os/error.h"

namespace tidelock::os {

namespace {

// Not in Debian 12's headers yet; the kernel ignores bits it does not know.
constexpr unsigned kStatxMountIdUnique = 0x00004000U;

std::string first_line(const char* path) {
  std::ifstream stream(path);
  std::string line;
  std::getline(stream, line);
  return line;
}

using Token = std::atomic<std::uint64_t>;

// Where the token lies. Null, and errno says why, if the page is not to be had.
Token* token_page() noexcept {
  static std::atomic<Token*> shared{nullptr};
  Token* there = shared.load(std::memory_order_acquire);  // pairs with the release below
  if (there != nullptr) [[likely]]
    return there;
  void* const page =
      ::mmap(nullptr, sizeof(Token), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  if (::madvise(page, sizeof(Token), MADV_WIPEONFORK) != 0) {
    const int error = errno;
    ::munmap(page, sizeof(Token));
    errno = error;
    return nullptr;
  }
  Token* const mine = new (page) Token(0);
  if (shared.compare_exchange_strong(there, mine, std::memory_order_acq_rel)) return mine;
  ::munmap(page, sizeof(Token));
  return there;
}

// Whoever asks for a token has opened a file before, and so has the page.
Token& token_word() noexcept {
  Token* const token = token_page();
  if (token == nullptr) [[unlikely]]
    std::abort();
  return *token;
}

}  // namespace

std::int32_t process_id() noexcept {
  return ::getpid();
}

std::string program_name() {
  std::string name = first_line("/proc/self/comm");
  return name.empty() ? "unknown" : name;
}

// The program's name, the second field, is in parentheses and may hold anything, also blanks.
ProcessBirth process_birth() {
  constexpr int kStartTimeBehindName = 20;
  ProcessBirth birth;
  struct stat facts {};
  if (::stat("/proc/self/ns/pid", &facts) == 0) birth.pid_namespace = facts.st_ino;
  const std::string line = first_line("/proc/self/stat");
  std::istringstream fields(line.substr(std::min(line.rfind(')'), line.size() - 1) + 1));
  std::string field;
  for (int i = 1; i < kStartTimeBehindName; ++i) fields >> field;
  fields >> birth.start_time;
  return birth;
}

std::uint64_t random_u64() noexcept {
  std::uint64_t value = 0;
  while (value == 0) {
    // Eight bytes are never returned in part; interruption is possible only early at boot.
    if (::getrandom(&value, sizeof value, 0) != sizeof value && errno != EINTR) std::abort();
  }
  return value;
}

Result<std::uint64_t> boot_identity() {
  const std::string id = first_line("/proc/sys/kernel/random/boot_id");
  if (id.empty()) {
    return Status(StatusCode::kUnsupported,
                  "read /proc/sys/kernel/random/boot_id: the kernel does not tell its boots apart");
  }
  return XXH3_64bits(id.data(), id.size());
}

Result<std::uint64_t> mount_identity(const std::string& path) {
  struct statx facts {};
  if (::statx(AT_FDCWD, path.c_str(), 0, kStatxMountIdUnique, &facts) != 0) {
    return error_status(errno, "statx", path);
  }
  if ((facts.stx_mask & kStatxMountIdUnique) == 0 &&
      ::statx(AT_FDCWD, path.c_str(), 0, STATX_MNT_ID, &facts) != 0) {
    return error_status(errno, "statx", path);
  }
  return facts.stx_mnt_id;
}

int prepare_process_token() noexcept {
  return token_page() != nullptr ? 0 : errno;
}

const std::atomic<std::uint64_t>& process_token_word() noexcept {
  return token_word();
}

std::uint64_t process_token() noexcept {
  Token* const token = &token_word();
  std::uint64_t value = token->load(std::memory_order_relaxed);
  if (value != 0) [[likely]]
    return value;
  // Several threads may race to name the process; the first one's name stays.
  const std::uint64_t fresh = random_u64();
  return token->compare_exchange_strong(value, fresh, std::memory_order_relaxed) ? fresh : value;
}

}  // namespace tidelock::os
