#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "tidelock/status.h"

namespace tidelock::os {

// Mode and group for files the library makes; unset: as umask and directory say.
struct FileOwnership {
  std::optional<std::uint32_t> mode;
  std::optional<std::uint32_t> group;
};

enum class FileAccess : std::uint8_t { kRead, kReadWrite };

// What tells one file from all others of this machine while it exists.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

// One open regular file. Descriptors are close-on-exec and never 0, 1 or 2, so that a program
// that closed its standard streams cannot print into a database. Positioned calls only, so
// threads may share it. Errors name operation, path and cause.
class File {
 public:
  // A symbolic link or a special file in the place of `path` is kUnsupported.
  [[nodiscard]] static Result<File> open(const std::string& path, FileAccess access);
  // kExists if there is one. Ownership is applied whatever the umask. A death on the way leaves the
  // file without it.
  [[nodiscard]] static Result<File> create(const std::string& path, const FileOwnership& ownership);
  // The same for files that others open by a name which never changes. They have their ownership
  // from the first moment on, where the file system can make files that have no name yet (tmpfs,
  // ext4, XFS, Btrfs, f2fs; an overlay from Linux 6.1 on) and the kernel lets them be given one (by
  // way of /proc; without it to root, and from Linux 6.10 on to all). Elsewhere as by `create`.
  [[nodiscard]] static Status make(const std::string& path, const FileOwnership& ownership);

  // Another open file of the same file, with the same access, whatever became of the path.
  [[nodiscard]] Result<File> open_again() const;

  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  // Fills `out`; a file that ends earlier is kCorruption.
  [[nodiscard]] Status read_exact(std::uint64_t offset, std::span<std::byte> out) const;
  // Up to the end of the file: the number of bytes read.
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> out) const;
  // All of `data`, or an error; after an error any prefix of it may be in the file. Beyond the
  // process's file size limit nothing is written: kNoSpace.
  [[nodiscard]] Status write(std::uint64_t offset, std::span<const std::byte> data);
  // Blocks until data, and the size needed to read it, are on disk. A failure is final, and so is
  // an interruption: the kernel forgets it, so a later success says nothing about these bytes (rule
  // C6).
  [[nodiscard]] Status datasync();
  [[nodiscard]] Status sync();
  // Extends the file with reserved blocks, so that later writes and stores find room.
  [[nodiscard]] Status reserve(std::uint64_t size);
  // The same for a file that is written through mappings: of an empty one on Btrfs blocks are then
  // overwritten in place. Else a store into a page that was written back before needs a new block,
  // and kills the process where there is none.
  [[nodiscard]] Status reserve_for_stores(std::uint64_t size);
  // reserve, then writes zeroes: later syncs of overwritten bytes need no metadata.
  [[nodiscard]] Status allocate(std::uint64_t size);
  // Gives the blocks of [from, to) back; they read as zeroes, the size stays. kUnsupported where
  // the file system cannot.
  [[nodiscard]] Status punch_hole(std::uint64_t from, std::uint64_t to);

  [[nodiscard]] Result<std::uint64_t> size() const;
  [[nodiscard]] Result<FileIdentity> identity() const;
  [[nodiscard]] Result<std::uint64_t> link_count() const;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  // Leaves the descriptor alone from now on: a fork handler closed it.
  void forget() noexcept { descriptor_ = -1; }

 private:
  File(int descriptor, std::string path) noexcept;
  Status write_zeroes(std::uint64_t size);

  int descriptor_ = -1;
  std::string path_;
};

}  // namespace tidelock::os
