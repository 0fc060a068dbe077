#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Which block may hold a key, without touching the blocks. Per block there is a *separator*: a
// short key, no less than every key of the block and less than every key of the next. Layout, for
// n blocks:
//
//   head   u64 * n        the first 8 bytes of the separator after the common prefix, filled up
//                         with zeroes, as a big-endian number: so heads ascend as separators do
//   offset u64 * (n + 1)  file offset of each block, and of the end of the last
//   end    u32 * n        end of the separator's rest, counted from the first rest
//   prefix                what all separators of the table have in common
//   rest*                 each separator without the prefix
//
// A search is a binary search over heads, and only among equal heads over rests. The number of
// blocks and the prefix's length stand in the properties.
namespace tidelock::table {

// Reads an index in place; the bytes must outlive it. Never reads outside them.
class Index {
 public:
  Index() = default;
  // Nothing if the fixed parts do not fit into `bytes`.
  [[nodiscard]] static std::optional<Index> parse(std::string_view bytes, std::uint64_t blocks,
                                                  std::uint32_t prefix_length) noexcept;
  // The least number of bytes the index of that many blocks has.
  [[nodiscard]] static constexpr std::uint64_t bytes_min(std::uint64_t blocks) noexcept {
    return blocks * 20 + 8;
  }

  [[nodiscard]] std::uint64_t blocks() const noexcept { return blocks_; }
  // The first block whose separator is >= `key`; blocks() if none.
  [[nodiscard]] std::uint64_t lower_bound(std::string_view key) const noexcept;
  // Where block `n` begins; for n = blocks() where the last one ends. Not checked.
  [[nodiscard]] std::uint64_t offset(std::uint64_t n) const noexcept;
  // The separator without the common prefix. Precondition: n < blocks(). False: malformed.
  [[nodiscard]] bool rest(std::uint64_t n, std::string_view& out) const noexcept;
  [[nodiscard]] std::string_view prefix() const noexcept { return prefix_; }

  // Whether heads fit rests, separators ascend, and no byte is unused.
  [[nodiscard]] bool is_tight() const noexcept;

 private:
  [[nodiscard]] std::uint64_t head(std::uint64_t n) const noexcept;

  const char* heads_ = nullptr;
  const char* offsets_ = nullptr;
  const char* ends_ = nullptr;
  std::string_view prefix_;
  std::string_view rests_;
  std::uint64_t blocks_ = 0;
};

class IndexBuilder {
 public:
  // The next block begins at `offset`, holds keys up to `last`, and `next` is the first key behind
  // it, or null if it is the table's last block.
  void add(std::uint64_t offset, std::string_view last, const std::string_view* next);
  // The index, for blocks that end at `end`. Nothing if the separators have 4 GiB or more.
  // Precondition: not empty.
  [[nodiscard]] std::optional<std::string> finish(std::uint64_t end) const;

  [[nodiscard]] std::uint64_t blocks() const noexcept { return offsets_.size(); }
  [[nodiscard]] std::uint32_t prefix_length() const noexcept;
  // About what finish() will return.
  [[nodiscard]] std::uint64_t bytes() const noexcept;

 private:
  [[nodiscard]] std::string_view separator(std::size_t n) const noexcept;

  std::vector<std::uint64_t> offsets_;
  std::vector<std::uint64_t> ends_;  // of separators, in `separators_`
  std::string separators_;
};

}  // namespace tidelock::table
