#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "table/block.h"
#include "table/format.h"
#include "table/properties.h"
#include "tidelock/status.h"

namespace tidelock::table {

// Bytes of a table that hold no block whose checksum fits.
struct TableGap {
  std::uint64_t from = 0;  // in the file
  std::uint64_t to = 0;
  // The entries that were there, if any were, had keys above `after` and below `before`; unset: no
  // bound.
  std::optional<std::string> after{};
  std::optional<std::string> before{};
};

// Reads what is left of a table, whatever its bytes are. Only blocks are yielded whose checksum,
// which is seeded with table and place, proves them; so nothing foreign, old or moved is. Where
// each block begins is taken from the index, sound or not, and, where that leads nowhere, found by
// looking for the end of a block that begins where the last one ended.
class TableSalvage {
 public:
  // Ascending keys, unless a writer was wrong. The views live for the call. An error ends the walk.
  using OnEntry = std::function<Status(std::string_view key, Kind kind, std::string_view value)>;

  // `bytes` must outlive it. `assumed`: which table it is if the footer does not say.
  TableSalvage(std::string_view bytes, const Identity& assumed);

  // As the footer has it, if that is sound; else as assumed.
  [[nodiscard]] const Identity& identity() const noexcept { return identity_; }
  // Null if they, or the footer that leads to them, are damaged.
  [[nodiscard]] const Properties* properties() const noexcept {
    return properties_ ? &*properties_ : nullptr;
  }
  // What was found wrong with footer, properties, filter and index, each with its offset.
  struct Flaw {
    std::uint64_t offset = 0;
    std::string what;
  };
  [[nodiscard]] const std::vector<Flaw>& flaws() const noexcept { return flaws_; }

  // Walks all entries of all blocks. Fails as `on_entry` does, and in no other way.
  [[nodiscard]] Status walk(const OnEntry& on_entry);
  // After a walk.
  [[nodiscard]] std::uint64_t entries() const noexcept { return entries_; }
  [[nodiscard]] std::uint64_t blocks() const noexcept { return blocks_; }
  [[nodiscard]] const std::vector<TableGap>& gaps() const noexcept { return gaps_; }

 private:
  struct Extent {
    std::uint64_t from;
    std::uint64_t to;
  };
  void read_sections(std::string_view name);
  [[nodiscard]] bool proven(const Extent& extent) const;
  [[nodiscard]] bool unpacked(const Extent& extent, Block& block);
  [[nodiscard]] std::optional<Extent> find_block(std::uint64_t from, std::uint64_t limit) const;
  [[nodiscard]] std::optional<Extent> locate(std::uint64_t at, std::uint64_t& next) const;
  [[nodiscard]] std::optional<Extent> next_indexed(std::uint64_t from) const;
  [[nodiscard]] Status yield(const Block& block, const OnEntry& on_entry);

  const std::string_view bytes_;
  Identity identity_;
  Checksums checksums_;
  std::uint64_t data_end_;  // no block lies behind
  std::optional<Properties> properties_;
  std::vector<Extent> indexed_;  // ascending, not proven
  std::vector<Flaw> flaws_;
  std::vector<TableGap> gaps_;
  std::optional<std::string> last_key_;  // of the last block that was good
  bool gap_open_ = false;                // the last gap has no `before` yet
  std::string unpacked_;
  std::uint64_t entries_ = 0;
  std::uint64_t blocks_ = 0;
};

}  // namespace tidelock::table
