#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "table/block.h"
#include "table/filter.h"
#include "table/format.h"
#include "table/index.h"
#include "table/properties.h"
#include "tidelock/options.h"
#include "tidelock/status.h"

namespace tidelock::table {

// What a table says of a key.
struct Lookup {
  enum class State : std::uint8_t {
    kMissing,    // nothing: ask older tables
    kValue,      // `value` is its value
    kTombstone,  // it was erased: older tables do not count
  };
  State state = State::kMissing;
  std::string_view value;             // lives as long as reader and `owner`
  std::shared_ptr<const void> owner;  // set if the value is not in the mapping: it was packed
};

// What Reader::verify has read and found good.
struct VerifiedCounts {
  std::uint64_t blocks = 0;
  std::uint64_t entries = 0;
};

// One data block, for people.
struct BlockInfo {
  std::uint64_t offset = 0;  // in the file
  std::uint64_t stored_bytes = 0;
  std::uint64_t unpacked_bytes = 0;
  std::uint64_t entries = 0;
  Compression compression = Compression::kNone;
};

// A data block that was proven and, if need be, unpacked.
struct LoadedBlock {
  Block block;
  std::shared_ptr<const void> owner;  // null: in the mapping
};

// Reads one table in place, all threads at once. `get` makes no system call and, where blocks are
// not packed, allocates nothing.
//
//  T1. A part of the file (block, filter, index) is used only after its checksum matched once in
//      this process; a bitmap remembers which did. Two threads may both do it: that costs time
//      only.
//  T2. Every offset and length is checked at each use, proven or not: bytes that change under a
//      mapping, or a forged file, yield an error or a wrong answer, never a read outside.
//  T3. Memory: a bit per block at open; for a packed block at most kExpansionMax times its length.
//
// Errors: kCorruption names file and offset; kUnsupported names what this release does not know.
class Reader {
 public:
  // `bytes`: the whole file; `owner` keeps them alive (null: the caller does). `name`: the file's,
  // for messages. Reads footer and properties only. A table of another identity is kCorruption.
  [[nodiscard]] static Result<std::shared_ptr<const Reader>> open(std::span<const std::byte> bytes,
                                                                  std::shared_ptr<const void> owner,
                                                                  std::string name,
                                                                  const Identity& expected);

  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  [[nodiscard]] Result<Lookup> get(std::string_view key) const { return get(key, hash_key(key)); }
  // `hash`: hash_key(key), for those who ask several tables.
  [[nodiscard]] Result<Lookup> get(std::string_view key, std::uint64_t hash) const;
  // Fetches what `get` with that hash looks at first, without waiting for it: called for all
  // tables that will be asked, their cache misses overlap.
  void prefetch(std::uint64_t hash) const noexcept { filter_.prefetch(hash); }

  // Reads and checks everything, whatever was proven before: checksums, order, separators, filter,
  // tags, padding, and the properties against what is there. Blocks for as long as that takes.
  [[nodiscard]] Result<VerifiedCounts> verify() const;

  [[nodiscard]] const Properties& properties() const noexcept { return properties_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // About how many bytes of blocks lie before `key`. For splitting work.
  [[nodiscard]] Result<std::uint64_t> offset_of(std::string_view key) const;
  // Precondition: n < properties().blocks.
  [[nodiscard]] Result<BlockInfo> block_info(std::uint64_t n) const;

  // What iterators are made of. The index must be proven before the others may be called.
  [[nodiscard]] Status prove_index() const;
  // The block that has the first key >= `key` if any has, properties().blocks if none.
  [[nodiscard]] Status locate(std::string_view key, std::uint64_t& n) const;
  // Precondition: n < properties().blocks.
  [[nodiscard]] Status load_block(std::uint64_t n, LoadedBlock& out) const;
  // An error about block n, for those who decode it.
  [[nodiscard]] Status malformed(std::uint64_t n) const;
  [[nodiscard]] Status unknown_kind(std::uint64_t n, std::uint8_t kind) const;

 private:
  Reader(std::string_view bytes, std::shared_ptr<const void> owner, std::string name,
         const Identity& identity);

  [[nodiscard]] Status open_parts(const Footer& footer);
  [[nodiscard]] Status prove_filter() const;
  [[nodiscard]] Status check_section(std::string_view what, std::uint64_t offset,
                                     std::uint64_t length, std::uint64_t checksum) const;
  [[nodiscard]] Status stored_block(std::uint64_t n, std::string_view& out) const;
  [[nodiscard]] Status check_seal(std::uint64_t n, std::string_view stored) const;
  [[nodiscard]] Status unpack_block(std::uint64_t n, std::string_view packed,
                                    std::uint8_t compression, std::string& out) const;
  [[nodiscard]] Status load_packed(std::uint64_t n, std::string_view packed,
                                   std::uint8_t compression, LoadedBlock& out) const;
  [[nodiscard]] Status corruption(std::uint64_t offset, std::string_view what) const;

  [[nodiscard]] bool is_proven(std::uint64_t unit) const noexcept;
  void set_proven(std::uint64_t unit) const noexcept;

  friend class Verification;

  const std::string_view bytes_;
  const std::shared_ptr<const void> owner_;
  const std::string name_;
  const std::uint64_t cache_number_;
  Checksums checksums_;
  Footer footer_;
  Properties properties_;
  Filter filter_;
  Index index_;
  // One bit per part: the filter, the index, then the blocks.
  std::unique_ptr<std::atomic<std::uint64_t>[]> proven_;
};

}  // namespace tidelock::table
