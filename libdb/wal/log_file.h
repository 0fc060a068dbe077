#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "os/file.h"
#include "os/mapping.h"
#include "tidelock/status.h"
#include "wal/format.h"

namespace tidelock::wal {

// A log that has begun: its file, its header and, where mapped stores are used, its mapping. Every
// process has one for the live log, its descriptor too, so that each is told when a sync failed.
//
// The file's length never changes: whoever prepared it reserved its blocks (os::File::allocate).
// Appending (writer.h) is for the holder of the writer lock; all else here any thread may call.
class LogFile {
 public:
  // Writes the header into a file prepared for it. `mapping`, if any, is of the whole file,
  // read-write. Under the writer lock; one write call, no sync.
  //
  // A death before it, inside it, or between it and the publication of the log leaves a log that
  // nobody appended to, and the one before it live; the next roll begins it anew, with a new salt.
  [[nodiscard]] static Result<LogFile> begin(os::File file, std::optional<os::Mapping> mapping,
                                             const LogHeader& header);
  // One that has begun. kCorruption if its header is not whole, or of another log or database.
  [[nodiscard]] static Result<LogFile> open(os::File file, std::optional<os::Mapping> mapping,
                                            std::uint64_t number, const Uuid& uuid);

  [[nodiscard]] const LogHeader& header() const noexcept { return header_; }
  // Of the file, in bytes.
  [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }
  // Where in the file. Precondition: `lsn` is not below the base.
  [[nodiscard]] std::uint64_t offset_of(std::uint64_t lsn) const noexcept {
    return kHeaderSize + (lsn - header_.base_lsn);
  }
  // Whether records of this log can end there: all that a position's reader can tell at once.
  [[nodiscard]] bool contains(const Position& position) const noexcept;
  // Whether a record with such a payload fits behind. Precondition: `end_lsn` is contained.
  [[nodiscard]] bool fits(std::uint64_t end_lsn, std::uint64_t payload_size) const noexcept {
    return payload_size <= kPayloadSizeMax &&
           record_size(payload_size) <= capacity_ - offset_of(end_lsn);
  }

  // Writes the header over itself, as it was read, so that the next sync brings it to disk.
  [[nodiscard]] Status rewrite_header();

  // A copy of what lies at [from, to): for redo, and to write it over itself after a leader died
  // in a sync. kCorruption if that is not within the log.
  [[nodiscard]] Result<std::vector<std::byte>> read(std::uint64_t from_lsn,
                                                    std::uint64_t to_lsn) const;

  [[nodiscard]] os::File& file() noexcept { return file_; }
  [[nodiscard]] const os::File& file() const noexcept { return file_; }
  // Null if the log is not mapped.
  [[nodiscard]] os::Mapping* mapping() noexcept { return mapping_ ? &*mapping_ : nullptr; }
  // Where the holder of the writer lock assembles a record.
  [[nodiscard]] std::vector<std::byte>& scratch() noexcept { return scratch_; }

 private:
  LogFile(os::File file, std::optional<os::Mapping> mapping, const LogHeader& header,
          std::uint64_t capacity);

  os::File file_;
  std::optional<os::Mapping> mapping_;
  LogHeader header_;
  std::uint64_t capacity_;
  std::vector<std::byte> scratch_;
};

// A whole log in private memory.
class LogBytes {
 public:
  // Reads, and does not map: a mapped log that is truncated, or has a bad sector, would kill the
  // process, where a read ends early or fails with kIo; and bytes that were verified stay as they
  // were. Costs the log's length in memory, about what its memtable takes anyway. kCorruption for
  // a file longer than any log, kLimit if memory does not suffice.
  [[nodiscard]] static Result<LogBytes> load(const os::File& file);

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> data_;
  std::size_t size_ = 0;
};

}  // namespace tidelock::wal
