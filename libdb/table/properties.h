#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "table/format.h"
#include "tidelock/options.h"
#include "tidelock/status.h"

// What a table says about itself, and the footer that leads to its parts.
namespace tidelock::table {

// The properties section, byte by byte:
//
//    0 u64 entries, tombstones included        48 u64 highest sequence number
//    8 u64 tombstones                          56 u32 keyspace
//   16 u64 data blocks                         60 u32 block size asked for
//   24 u64 bytes of all keys                   64 u32 bytes of the index's common prefix
//   32 u64 bytes of all values                 68 u32 bloom bits per key
//   40 u64 bytes of all blocks when unpacked   72 u32 compression asked for
//   76 u32 length of the smallest key          80 u32 length of the largest key
//   84     the smallest key, the largest key
struct Properties {
  Identity identity;             // kept in the footer
  std::uint64_t file_bytes = 0;  // not stored
  std::uint64_t entries = 0;     // at least 1
  std::uint64_t tombstones = 0;
  std::uint64_t blocks = 0;     // at least 1
  std::uint64_t key_bytes = 0;  // whole keys, as if nothing were shared
  std::uint64_t value_bytes = 0;
  std::uint64_t block_bytes = 0;       // of all blocks when unpacked
  std::uint64_t highest_sequence = 0;  // no operation in here is newer
  std::uint32_t keyspace = 0;          // 0 in this version
  std::uint32_t block_size = 0;
  std::uint32_t index_prefix = 0;
  std::uint32_t bloom_bits_per_key = 0;
  Compression compression = Compression::kNone;  // single blocks may have another
  std::string smallest;
  std::string largest;
};

[[nodiscard]] std::string encode_properties(const Properties& properties);
// Fills in what the section holds. kCorruption, kUnsupported: see decode_footer. `name` and
// `offset` are for messages.
[[nodiscard]] Status decode_properties(std::string_view bytes, std::string_view name,
                                       std::uint64_t offset, Properties& out);

// The last bytes of the file, byte by byte:
//
//    0 u64*2 uuid of the database              56 u64 checksum of the filter
//   16 u64   number of the table               64 u64 checksum of the index
//   24 u64   length of blocks and padding      72 u64 checksum of the properties
//   32 u64   length of the filter              80 u32 format version
//   40 u64   length of the index               84 u32 length of the footer, 104
//   48 u64   length of the properties          88 u64 XXH3 of the footer before this field
//                                              96 u64 kMagic
//
// The parts lie back to back, so their lengths and the footer's make up the file's. The last 24
// bytes stay where they are in every version: a newer one is told from damage.
struct Footer {
  Identity identity;
  std::uint64_t data_length = 0;
  std::uint64_t filter_length = 0;
  std::uint64_t index_length = 0;
  std::uint64_t properties_length = 0;
  std::uint64_t filter_checksum = 0;
  std::uint64_t index_checksum = 0;
  std::uint64_t properties_checksum = 0;

  [[nodiscard]] std::uint64_t filter_offset() const noexcept { return data_length; }
  [[nodiscard]] std::uint64_t index_offset() const noexcept {
    return filter_offset() + filter_length;
  }
  [[nodiscard]] std::uint64_t properties_offset() const noexcept {
    return index_offset() + index_length;
  }
};

inline constexpr std::size_t kFooterBytes = 104;
inline constexpr std::uint64_t kMagic = 0x00545353'4B434C54;  // "TLCKSST", then 0

[[nodiscard]] std::string encode_footer(const Footer& footer);
// `file`: all bytes of the table. Afterwards every part is known to lie inside the file.
// kUnsupported: the format of a later release. kCorruption: anything else that does not fit.
[[nodiscard]] Result<Footer> decode_footer(std::string_view file, std::string_view name);

}  // namespace tidelock::table
