#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "os/file.h"
#include "table/block.h"
#include "table/compression.h"
#include "table/format.h"
#include "table/index.h"
#include "table/properties.h"
#include "tidelock/options.h"
#include "tidelock/status.h"

namespace tidelock::table {

struct BuilderOptions {
  Identity identity{};
  std::size_t block_size = 4096;  // bytes, 256 to 1 MiB; a larger entry gets a block of its own
  Compression compression = Compression::kNone;
  std::uint32_t bloom_bits_per_key = 10;  // 0 (no filter) to 32
  std::uint32_t keyspace = 0;             // nothing else in this format version
};

// Writes one table, front to back, into an empty file. One thread. It neither names nor syncs the
// file: the caller gives it one under a temporary name and afterwards syncs it, renames it and
// syncs the directory. Dying on the way leaves a file without a footer, which no reader accepts.
// After any error but kInvalid and kTooLarge of `add` the builder and its file are good for
// nothing. Memory: 8 bytes per entry for the filter, about 30 per block, the largest block.
class Builder {
 public:
  // kInvalid: an option out of range. `file` must be empty.
  [[nodiscard]] static Result<Builder> create(os::File file, const BuilderOptions& options);

  // `key` must be above the one before, and the value of kErase empty (kInvalid otherwise); key
  // and value within kKeySizeMax and kValueSizeMax (kTooLarge otherwise). Writes now and then.
  [[nodiscard]] Status add(std::string_view key, Kind kind, std::string_view value);

  // About how long the file would be if `finish` came now.
  [[nodiscard]] std::uint64_t file_bytes() const noexcept;
  [[nodiscard]] std::uint64_t entries() const noexcept { return properties_.entries; }

  // Writes the rest; all is in the file then, though not synced. `highest_sequence`: no operation
  // in the table is newer. kInvalid if nothing was added. To be called once, as the last call.
  [[nodiscard]] Result<Properties> finish(std::uint64_t highest_sequence);

  [[nodiscard]] os::File& file() noexcept { return file_; }

 private:
  Builder(os::File file, const BuilderOptions& options);

  [[nodiscard]] Status check(std::string_view key, Kind kind, std::string_view value) const;
  // Where the next byte goes.
  [[nodiscard]] std::uint64_t position() const noexcept { return flushed_ + buffer_.size(); }
  // How long the block that is being made may become, seal included; and what it lacks to a page.
  [[nodiscard]] std::uint64_t block_bytes_max() const noexcept;
  [[nodiscard]] std::size_t filler() const noexcept;
  // `next`: the first key behind the block, null if there is none.
  [[nodiscard]] Status end_block(const std::string_view* next);
  // A section, from where the file now ends; its checksum goes to `checksum`.
  [[nodiscard]] Status write_section(std::string_view bytes, std::uint64_t& checksum);
  [[nodiscard]] Status write(std::string_view bytes);
  [[nodiscard]] Status flush();

  os::File file_;
  Checksums checksums_;
  Compressor compressor_;
  Properties properties_;
  BlockBuilder block_;
  IndexBuilder index_;
  std::vector<std::uint64_t> hashes_;
  std::string last_;           // key
  std::string packed_;         // the last packed block
  std::string buffer_;         // what the file lacks yet
  std::uint64_t flushed_ = 0;  // bytes in the file
};

}  // namespace tidelock::table
