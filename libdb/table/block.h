#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "table/format.h"

// A data block: entries in ascending order of their keys, each found without reading the others.
// Every 16th entry, from entry 0 on, is a *restart point* and holds its whole key; the others hold
// what differs from the restart point before them. (Not from the entry before: so any entry is
// decoded from two places, in either direction.) Layout:
//
//   entry*              kind u8, shared varint, suffix length varint, value length varint,
//                       suffix, value. The key is the first `shared` bytes of the restart point's
//                       key, then the suffix. Varints: 7 bits a byte, low bits first, high bit =
//                       more follow, at most 5 bytes, below 2^32
//   filler              zeroes, so that the block as stored ends with a page; often none
//   offset* u16 or u32  where each entry begins, from the block's first byte; u32 if wide
//   tag* u8             low byte of hash_key of each key; only in blocks of up to 256 entries
//   u32                 number of entries (at least 1), bit 31 set if wide
namespace tidelock::table {

inline constexpr std::uint32_t kRestartInterval = 16;  // entries
inline constexpr std::uint32_t kTaggedEntriesMax = 256;

// One entry as it lies in the block. The views point into it.
struct BlockEntry {
  std::uint8_t kind = 0;     // not checked
  std::uint32_t shared = 0;  // the restart point may have less: not checked
  std::string_view suffix;
  std::string_view value;
};

// Reads one block in place. A view: the bytes must outlive it. Never reads outside them, whatever
// they are; a call that meets nonsense says so, and has then yielded nothing.
class Block {
 public:
  enum class Search : std::uint8_t { kFound, kMissing, kMalformed };

  Block() = default;  // of no entries
  // Nothing if the fixed parts do not fit into `bytes`.
  [[nodiscard]] static std::optional<Block> parse(std::string_view bytes) noexcept;

  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }  // of the whole block

  // Precondition of both: i < count(). False: malformed.
  [[nodiscard]] bool entry(std::uint32_t i, BlockEntry& out) const noexcept;
  // The whole key of the restart point at or before entry i.
  [[nodiscard]] bool restart_key(std::uint32_t i, std::string_view& out) const noexcept;

  // The entry with this key. `hash` is hash_key(key). Reads tags, then entries whose tag fits.
  [[nodiscard]] Search find(std::string_view key, std::uint64_t hash,
                            BlockEntry& out) const noexcept;
  // The same by binary search, for blocks without tags.
  [[nodiscard]] Search find_by_order(std::string_view key, BlockEntry& out) const noexcept;
  // The first entry whose key is >= `key`, count() if none. False: malformed.
  [[nodiscard]] bool lower_bound(std::string_view key, std::uint32_t& out) const noexcept;

  // Whether entries lie back to back with nothing but zeroes behind, and have their keys' tags.
  // `hashes`: hash_key of each key.
  [[nodiscard]] bool is_tight(const std::vector<std::uint64_t>& hashes) const noexcept;

 private:
  [[nodiscard]] std::size_t offset_of(std::uint32_t i) const noexcept;
  [[nodiscard]] Search matches(std::uint32_t i, std::string_view key,
                               BlockEntry& out) const noexcept;
  [[nodiscard]] bool last_restart(std::string_view key, std::uint32_t& out) const noexcept;

  std::string_view entries_;
  std::size_t bytes_ = 0;
  const char* offsets_ = nullptr;
  const char* tags_ = nullptr;  // null: none
  std::uint32_t count_ = 0;
  bool wide_ = false;
};

// Makes one block after another.
class BlockBuilder {
 public:
  // Precondition: `key` is above the block's last one; both are within the limits of a table.
  void add(std::string_view key, std::uint64_t hash, Kind kind, std::string_view value);
  // Ends the block with that many bytes of filler. Its bytes, until `clear`; the caller may append
  // to them. Precondition: not empty.
  [[nodiscard]] std::string& finish(std::size_t filler);
  void clear();

  [[nodiscard]] bool empty() const noexcept { return offsets_.empty(); }
  // The block's length without filler.
  [[nodiscard]] std::size_t bytes() const noexcept;
  // bytes() after one more entry, as if it shared nothing with others: no less than it will be.
  [[nodiscard]] std::size_t bytes_with(std::string_view key, std::string_view value) const noexcept;

 private:
  [[nodiscard]] bool is_wide() const noexcept;

  std::string bytes_;  // entries, until finish() adds the rest
  std::string restart_key_;
  std::string tags_;
  std::vector<std::uint32_t> offsets_;
};

}  // namespace tidelock::table
