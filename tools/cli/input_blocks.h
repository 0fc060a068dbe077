#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "tidelock/status.h"

namespace tidelock::cli {

// Some whole lines, in input order. Every line ends with '\n', but for the input's last one.
struct Block {
  std::string bytes;
  std::uint64_t first_line = 1;  // the number of its first line in the whole input
};

// Reads a file, pipe or terminal in blocks of whole lines, as soon as some have arrived: a slow
// pipe is not kept waiting. Memory: one block, or the longest line.
class InputBlocks {
 public:
  // "-" is standard input.
  [[nodiscard]] static Result<InputBlocks> open(const std::string& name);
  // Reads from `fd`, which stays the caller's. `name` is for messages.
  InputBlocks(int fd, std::string name);
  InputBlocks(InputBlocks&& other) noexcept;
  InputBlocks& operator=(InputBlocks&&) = delete;
  ~InputBlocks();

  // nullopt at the end. kIo; kTooLarge for a line that no key and value could need.
  [[nodiscard]] Result<std::optional<Block>> next();

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // What there is to read in all; nullopt for pipes and the like.
  [[nodiscard]] std::optional<std::uint64_t> total_bytes() const noexcept { return total_bytes_; }

 private:
  int fd_;
  bool owned_ = false;
  std::string name_;
  std::optional<std::uint64_t> total_bytes_;
  std::string pending_;  // the beginning of a line whose end has not been read
  std::uint64_t next_line_ = 1;
  bool ended_ = false;
};

}  // namespace tidelock::cli
