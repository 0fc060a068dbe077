#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "table/reader.h"

namespace tidelock::table {

// One pass over a table that believes nothing, neither bitmap nor cache.
class Verification {
 public:
  explicit Verification(const Reader& table) : table_(table) {}

  Status run();
  [[nodiscard]] VerifiedCounts counts() const { return {seen_.blocks, seen_.entries}; }

 private:
  Status check_sections() const;
  Status check_block(std::uint64_t n);
  Status check_entries(std::uint64_t n, const Block& block);
  Status check_key(std::uint64_t n, std::uint64_t hash) const;
  Status check_padding() const;
  Status check_totals() const;

  const Reader& table_;
  Properties seen_;
  std::string key_;       // of the entry that is looked at
  std::string unpacked_;  // the block that is looked at
};

Status Verification::run() {
  if (Status status = check_sections(); !status.ok()) return status;
  for (std::uint64_t n = 0; n < table_.index_.blocks(); ++n) {
    if (Status status = check_block(n); !status.ok()) return status;
  }
  if (Status status = check_padding(); !status.ok()) return status;
  return check_totals();
}

Status Verification::check_sections() const {
  // What open() has seen may have changed since.
  const Result<Footer> footer = decode_footer(table_.bytes_, table_.name_);
  if (!footer) return footer.error();
  Status status = table_.check_section("properties", footer->properties_offset(),
                                       footer->properties_length, footer->properties_checksum);
  if (status.ok()) {
    status = table_.check_section("filter", footer->filter_offset(), footer->filter_length,
                                  footer->filter_checksum);
  }
  if (status.ok()) {
    status = table_.check_section("index", footer->index_offset(), footer->index_length,
                                  footer->index_checksum);
  }
  if (status.ok() && !table_.index_.is_tight()) {
    status = table_.corruption(footer->index_offset(), "the index contradicts itself");
  }
  return status;
}

Status Verification::check_block(std::uint64_t n) {
  std::string_view stored;
  if (Status status = table_.stored_block(n, stored); !status.ok()) return status;
  if (Status status = table_.check_seal(n, stored); !status.ok()) return status;
  stored.remove_suffix(kSealBytes);
  const auto compression = static_cast<std::uint8_t>(stored.data()[stored.size()]);
  if (compression != static_cast<std::uint8_t>(Compression::kNone)) {
    Status status = table_.unpack_block(n, stored, compression, unpacked_);
    if (!status.ok()) return status;
    stored = unpacked_;
  }
  const std::optional<Block> block = Block::parse(stored);
  if (!block) return table_.malformed(n);
  seen_.blocks += 1;
  seen_.block_bytes += stored.size();
  return check_entries(n, *block);
}

Status Verification::check_entries(std::uint64_t n, const Block& block) {
  std::vector<std::uint64_t> hashes;
  std::string_view restart;
  for (std::uint32_t i = 0; i < block.count(); ++i) {
    BlockEntry entry;
    if (!block.entry(i, entry) || !block.restart_key(i, restart) || entry.shared > restart.size()) {
      return table_.malformed(n);
    }
    if (!is_known(entry.kind)) return table_.unknown_kind(n, entry.kind);
    const bool erased = static_cast<Kind>(entry.kind) == Kind::kErase;
    std::string key(restart.substr(0, entry.shared));
    key.append(entry.suffix);
    if ((erased && !entry.value.empty()) || (seen_.entries > 0 && key <= key_)) {
      return table_.malformed(n);
    }
    key_ = std::move(key);
    if (seen_.entries == 0) seen_.smallest = key_;
    hashes.push_back(hash_key(key_));
    if (Status status = check_key(n, hashes.back()); !status.ok()) return status;
    seen_.entries += 1;
    seen_.tombstones += erased;
    seen_.key_bytes += key_.size();
    seen_.value_bytes += entry.value.size();
  }
  return block.is_tight(hashes) ? Status() : table_.malformed(n);
}

// Whether a search for the key would come to block n.
Status Verification::check_key(std::uint64_t n, std::uint64_t hash) const {
  if (!table_.filter_.may_contain(hash)) {
    return table_.corruption(table_.footer_.filter_offset(),
                             "the filter lacks a key of block " + std::to_string(n));
  }
  if (table_.index_.lower_bound(key_) != n) {
    return table_.corruption(table_.footer_.index_offset(),
                             "the index leads past a key of block " + std::to_string(n));
  }
  return {};
}

Status Verification::check_padding() const {
  const std::uint64_t begin = table_.index_.offset(table_.index_.blocks());
  const std::uint64_t end = table_.footer_.data_length;
  if (begin > end || end - begin >= kFilterLineBytes) {
    return table_.corruption(begin, "bytes that belong to no block");
  }
  const std::string_view padding = table_.bytes_.substr(begin, end - begin);
  if (padding.find_first_not_of('\0') == std::string_view::npos) return {};
  return table_.corruption(begin, "padding that is not zero");
}

Status Verification::check_totals() const {
  const Properties& said = table_.properties_;
  if (table_.index_.offset(0) == 0 && seen_.entries == said.entries &&
      seen_.tombstones == said.tombstones && seen_.blocks == said.blocks &&
      seen_.key_bytes == said.key_bytes && seen_.value_bytes == said.value_bytes &&
      seen_.block_bytes == said.block_bytes && seen_.smallest == said.smallest &&
      key_ == said.largest) {
    return {};
  }
  return table_.corruption(
      table_.footer_.properties_offset(),
      "the properties are not those of the entries: " + std::to_string(said.entries) +
          " expected, " + std::to_string(seen_.entries) + " found");
}

Result<VerifiedCounts> Reader::verify() const {
  Verification verification(*this);
  if (Status status = verification.run(); !status.ok()) return status;
  return verification.counts();
}

}  // namespace tidelock::table
