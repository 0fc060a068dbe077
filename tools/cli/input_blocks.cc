#include "cli/input_blocks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "tidelock/options.h"

namespace tidelock::cli {
namespace {

constexpr std::size_t kReadSize = 256 << 10;
// Four characters a byte, \xHH, are the most that an escape needs.
constexpr std::size_t kLineSizeMax = 4 * (kValueSizeMax + kKeySizeMax) + 64;

Status io_error(const std::string& operation, const std::string& name) {
  return Status(StatusCode::kIo, operation + " " + name + ": " + std::strerror(errno));
}

// Appends what one read yields; 0 at the end, -1 with errno.
ssize_t read_more(int fd, std::string& bytes) {
  const std::size_t size = bytes.size();
  bytes.resize(size + kReadSize);
  ssize_t got = 0;
  do {
    got = ::read(fd, bytes.data() + size, kReadSize);
  } while (got < 0 && errno == EINTR);
  bytes.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return got;
}

}  // namespace

Result<InputBlocks> InputBlocks::open(const std::string& name) {
  if (name == "-") return InputBlocks(STDIN_FILENO, "standard input");
  const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return io_error("open", name);
  InputBlocks blocks(fd, name);
  blocks.owned_ = true;
  return blocks;
}

InputBlocks::InputBlocks(int fd, std::string name) : fd_(fd), name_(std::move(name)) {
  struct stat status {};
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    total_bytes_ = static_cast<std::uint64_t>(status.st_size);
  }
}

InputBlocks::InputBlocks(InputBlocks&& other) noexcept
    : fd_(other.fd_),
      owned_(std::exchange(other.owned_, false)),
      name_(std::move(other.name_)),
      total_bytes_(other.total_bytes_),
      pending_(std::move(other.pending_)),
      next_line_(other.next_line_),
      ended_(other.ended_) {}

InputBlocks::~InputBlocks() {
  if (owned_) ::close(fd_);
}

Result<std::optional<Block>> InputBlocks::next() {
  std::string bytes = std::move(pending_);
  pending_.clear();
  while (!ended_) {
    const std::size_t searched = bytes.size();
    const ssize_t got = read_more(fd_, bytes);
    if (got < 0) return io_error("read", name_);
    ended_ = got == 0;
    const std::size_t newline = std::string_view(bytes).substr(searched).rfind('\n');
    if (newline != std::string_view::npos) {
      pending_ = bytes.substr(searched + newline + 1);
      bytes.resize(searched + newline + 1);
      break;
    }
    if (bytes.size() > kLineSizeMax) {
      return Status(StatusCode::kTooLarge,
                    name_ + ":" + std::to_string(next_line_) + ": longer than any key and value");
    }
  }
  if (bytes.empty()) return std::optional<Block>();
  Block block{std::move(bytes), next_line_};
  next_line_ +=
      static_cast<std::uint64_t>(std::count(block.bytes.begin(), block.bytes.end(), '\n'));
  return std::optional(std::move(block));
}

}  // namespace tidelock::cli
