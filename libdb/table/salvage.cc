#include "table/salvage.h"

#include <algorithm>
#include <utility>

#include "table/compression.h"
#include "table/filter.h"
#include "table/index.h"

namespace tidelock::table {

namespace {

// Bytes that may be hashed in looking for the end of one block, so that no file takes for ever.
constexpr std::uint64_t kHashedMax = std::uint64_t{1} << 28;
// Behind it a packed block is not looked for; one in plain form tells its end by itself.
constexpr std::uint64_t kPackedBytesMax = std::uint64_t{4} << 20;

bool is_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

bool decode(const Block& block, std::uint32_t i, BlockEntry& entry, std::string_view& restart) {
  return block.entry(i, entry) && is_known(entry.kind) && block.restart_key(i, restart) &&
         entry.shared <= restart.size();
}

// Checksums prove that a block is as it was written, not that its writer was right.
bool is_well_formed(const Block& block) {
  for (std::uint32_t i = 0; i < block.count(); ++i) {
    BlockEntry entry;
    std::string_view restart;
    if (!decode(block, i, entry, restart)) return false;
  }
  return true;
}

}  // namespace

TableSalvage::TableSalvage(std::string_view bytes, const Identity& assumed)
    : bytes_(bytes), identity_(assumed), checksums_(assumed), data_end_(bytes.size()) {
  read_sections("table");
}

void TableSalvage::read_sections(std::string_view name) {
  const auto flaw = [this](std::uint64_t offset, std::string what) {
    flaws_.push_back({offset, std::move(what)});
  };
  const Result<Footer> footer = decode_footer(bytes_, name);
  if (!footer) {
    const std::uint64_t length = std::min<std::uint64_t>(bytes_.size(), kFooterBytes);
    return flaw(bytes_.size() - length, "the footer is damaged or missing");
  }
  identity_ = footer->identity;
  checksums_ = Checksums(identity_);
  data_end_ = footer->data_length;
  const auto sound = [this](std::uint64_t offset, std::uint64_t length, std::uint64_t checksum) {
    return checksums_.of(offset, bytes_.substr(offset, length)) == checksum;
  };
  if (!sound(footer->filter_offset(), footer->filter_length, footer->filter_checksum)) {
    flaw(footer->filter_offset(), "the filter is damaged");
  }
  if (!sound(footer->index_offset(), footer->index_length, footer->index_checksum)) {
    flaw(footer->index_offset(), "the index is damaged");
  }
  const std::uint64_t at = footer->properties_offset();
  const std::string_view section = bytes_.substr(at, footer->properties_length);
  Properties properties;
  if (!sound(at, footer->properties_length, footer->properties_checksum) ||
      !decode_properties(section, name, at, properties).ok()) {
    return flaw(at, "the properties are damaged");
  }
  properties.identity = identity_;
  properties_ = std::move(properties);
  const std::optional<Index> index =
      Index::parse(bytes_.substr(footer->index_offset(), footer->index_length), properties_->blocks,
                   properties_->index_prefix);
  if (!index) return;
  for (std::uint64_t n = 0; n < index->blocks(); ++n) {
    const Extent extent{index->offset(n), index->offset(n + 1)};
    if (extent.from < extent.to && extent.to <= data_end_) indexed_.push_back(extent);
  }
  std::ranges::sort(indexed_, {}, &Extent::from);
}

bool TableSalvage::proven(const Extent& extent) const {
  if (extent.to > data_end_ || extent.to - extent.from < kSealBytes) return false;
  const std::string_view covered =
      bytes_.substr(extent.from, extent.to - extent.from - sizeof(std::uint64_t));
  return checksums_.of(extent.from, covered) ==
         load<std::uint64_t>(covered.data() + covered.size());
}

bool TableSalvage::unpacked(const Extent& extent, Block& block) {
  std::string_view stored = bytes_.substr(extent.from, extent.to - extent.from - kSealBytes);
  const auto compression = static_cast<std::uint8_t>(bytes_[extent.to - kSealBytes]);
  if (compression > static_cast<std::uint8_t>(Compression::kZstd)) return false;
  if (compression != static_cast<std::uint8_t>(Compression::kNone)) {
    if (!unpack(stored, static_cast<Compression>(compression), unpacked_)) return false;
    stored = unpacked_;
  }
  const std::optional<Block> parsed = Block::parse(stored);
  if (!parsed || !is_well_formed(*parsed)) return false;
  block = *parsed;
  return true;
}

// The block that begins at `from`, wherever it ends before `limit`: most places are ruled out by
// what stands before the seal of a block, the others by the checksum.
std::optional<TableSalvage::Extent> TableSalvage::find_block(std::uint64_t from,
                                                             std::uint64_t limit) const {
  std::uint64_t hashed = 0;
  for (std::uint64_t to = from + kSealBytes + 1; to <= limit && hashed < kHashedMax; ++to) {
    const auto compression = static_cast<std::uint8_t>(bytes_[to - kSealBytes]);
    if (compression > static_cast<std::uint8_t>(Compression::kZstd)) continue;
    if (compression == static_cast<std::uint8_t>(Compression::kNone)) {
      const auto block = Block::parse(bytes_.substr(from, to - from - kSealBytes));
      BlockEntry first;
      if (!block || !block->entry(0, first) || first.shared != 0) continue;
    } else if (to - from > kPackedBytesMax) {
      continue;
    }
    hashed += to - from;
    if (proven({from, to})) return Extent{from, to};
  }
  return std::nullopt;
}

// The first block behind `from` to which the index leads.
std::optional<TableSalvage::Extent> TableSalvage::next_indexed(std::uint64_t from) const {
  for (auto at = std::ranges::upper_bound(indexed_, from, {}, &Extent::from); at != indexed_.end();
       ++at) {
    if (proven(*at)) return *at;
  }
  return std::nullopt;
}

// The block at `at`, or at least where the next one begins.
std::optional<TableSalvage::Extent> TableSalvage::locate(std::uint64_t at,
                                                         std::uint64_t& next) const {
  const auto known = std::ranges::lower_bound(indexed_, at, {}, &Extent::from);
  if (known != indexed_.end() && known->from == at && proven(*known)) return *known;
  const std::optional<Extent> later = next_indexed(at);
  next = later ? later->from : data_end_;
  return find_block(at, next);
}

Status TableSalvage::walk(const OnEntry& on_entry) {
  for (std::uint64_t at = 0; at < data_end_;) {
    const std::string_view rest = bytes_.substr(at, data_end_ - at);
    if (properties_ && rest.size() < kFilterLineBytes && is_zero(rest)) break;  // padding
    std::uint64_t next = data_end_;
    Block block;
    const std::optional<Extent> extent = locate(at, next);
    if (extent && unpacked(*extent, block)) {
      if (Status status = yield(block, on_entry); !status.ok()) return status;
      at = extent->to;
      continue;
    }
    if (extent) next = extent->to;
    gaps_.push_back({.from = at, .to = next, .after = last_key_});
    gap_open_ = true;
    at = next;
  }
  // The padding is damaged, and nothing is missing.
  if (properties_ && entries_ == properties_->entries) gaps_.clear();
  return {};
}

Status TableSalvage::yield(const Block& block, const OnEntry& on_entry) {
  ++blocks_;
  for (std::uint32_t i = 0; i < block.count(); ++i) {
    BlockEntry entry;
    std::string_view restart;
    if (!decode(block, i, entry, restart)) continue;
    std::string key(restart.substr(0, entry.shared));
    key.append(entry.suffix);
    if (gap_open_) gaps_.back().before = key;
    gap_open_ = false;
    if (Status s = on_entry(key, static_cast<Kind>(entry.kind), entry.value); !s.ok()) return s;
    last_key_ = std::move(key);
    ++entries_;
  }
  return {};
}

}  // namespace tidelock::table
