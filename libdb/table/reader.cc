#include "table/reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "table/block_cache.h"
#include "table/compression.h"

namespace tidelock::table {

namespace {

// Numbers of parts in the bitmap.
constexpr std::uint64_t kFilterUnit = 0;
constexpr std::uint64_t kIndexUnit = 1;
constexpr std::uint64_t kFirstBlockUnit = 2;
constexpr std::uint64_t kUnitsPerWord = 64;

}  // namespace

Reader::Reader(std::string_view bytes, std::shared_ptr<const void> owner, std::string name,
               const Identity& identity)
    : bytes_(bytes),
      owner_(std::move(owner)),
      name_(std::move(name)),
      cache_number_(BlockCache::next_reader()),
      checksums_(identity) {}

Result<std::shared_ptr<const Reader>> Reader::open(std::span<const std::byte> bytes,
                                                   std::shared_ptr<const void> owner,
                                                   std::string name, const Identity& expected) {
  const std::string_view file(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::shared_ptr<Reader> reader(
      new Reader(file, std::move(owner), std::move(name), expected));
  Result<Footer> footer = decode_footer(file, reader->name_);
  if (!footer) return footer.error();
  if (footer->identity != expected) {
    const bool ours = footer->identity.uuid == expected.uuid;
    return reader->corruption(file.size() - kFooterBytes,
                              ours ? "expected table " + std::to_string(expected.number) +
                                         ", found table " + std::to_string(footer->identity.number)
                                   : std::string("a table of another database"));
  }
  if (Status status = reader->open_parts(*footer); !status.ok()) return status;
  return std::shared_ptr<const Reader>(reader);
}

Status Reader::open_parts(const Footer& footer) {
  footer_ = footer;
  const std::uint64_t at = footer.properties_offset();
  if (Status status =
          check_section("properties", at, footer.properties_length, footer.properties_checksum);
      !status.ok()) {
    return status;
  }
  properties_.identity = footer.identity;
  properties_.file_bytes = bytes_.size();
  if (Status status =
          decode_properties(bytes_.substr(at, footer.properties_length), name_, at, properties_);
      !status.ok()) {
    return status;
  }
  const std::optional<Index> index =
      Index::parse(bytes_.substr(footer.index_offset(), footer.index_length), properties_.blocks,
                   properties_.index_prefix);
  if (!index) return corruption(footer.index_offset(), "the index does not fit its section");
  index_ = *index;
  if ((properties_.bloom_bits_per_key == 0) != (footer.filter_length == 0) ||
      footer.filter_length / kFilterLineBytes > std::numeric_limits<std::uint32_t>::max()) {
    return corruption(footer.filter_offset(), "the filter does not fit the properties");
  }
  filter_ = Filter(bytes_.substr(footer.filter_offset(), footer.filter_length),
                   properties_.bloom_bits_per_key);
  const std::uint64_t words = (kFirstBlockUnit + properties_.blocks) / kUnitsPerWord + 1;
  proven_ = std::make_unique<std::atomic<std::uint64_t>[]>(static_cast<std::size_t>(words));
  return {};
}

// Relaxed: the bit says only that these bytes, which nobody changes, matched; it guards no data.
bool Reader::is_proven(std::uint64_t unit) const noexcept {
  const std::uint64_t word = proven_[unit / kUnitsPerWord].load(std::memory_order_relaxed);
  return (word >> unit % kUnitsPerWord & 1) != 0;
}

void Reader::set_proven(std::uint64_t unit) const noexcept {
  proven_[unit / kUnitsPerWord].fetch_or(std::uint64_t{1} << unit % kUnitsPerWord,
                                         std::memory_order_relaxed);
}

Status Reader::corruption(std::uint64_t offset, std::string_view what) const {
  return read_error(StatusCode::kCorruption, name_, offset, what);
}

Status Reader::malformed(std::uint64_t n) const {
  return corruption(index_.offset(n), "block " + std::to_string(n) + " is malformed");
}

Status Reader::unknown_kind(std::uint64_t n, std::uint8_t kind) const {
  return read_error(
      StatusCode::kUnsupported, name_, index_.offset(n),
      "unknown kind of entry " + std::to_string(kind) + " in block " + std::to_string(n));
}

Status Reader::check_section(std::string_view what, std::uint64_t offset, std::uint64_t length,
                             std::uint64_t checksum) const {
  if (checksums_.of(offset, bytes_.substr(offset, length)) == checksum) return {};
  return corruption(offset, std::string("checksum mismatch in the ").append(what));
}

Status Reader::prove_index() const {
  if (is_proven(kIndexUnit)) return {};
  Status status =
      check_section("index", footer_.index_offset(), footer_.index_length, footer_.index_checksum);
  if (status.ok()) set_proven(kIndexUnit);
  return status;
}

Status Reader::prove_filter() const {
  if (is_proven(kFilterUnit)) return {};
  Status status = check_section("filter", footer_.filter_offset(), footer_.filter_length,
                                footer_.filter_checksum);
  if (status.ok()) set_proven(kFilterUnit);
  return status;
}

Status Reader::stored_block(std::uint64_t n, std::string_view& out) const {
  const std::uint64_t begin = index_.offset(n);
  const std::uint64_t end = index_.offset(n + 1);
  if (begin > end || end > footer_.data_length || end - begin < kSealBytes) {
    return corruption(footer_.index_offset(), "block " + std::to_string(n) + " from " +
                                                  std::to_string(begin) + " to " +
                                                  std::to_string(end) + " lies outside the blocks");
  }
  out = bytes_.substr(begin, end - begin);
  return {};
}

Status Reader::check_seal(std::uint64_t n, std::string_view stored) const {
  const std::string_view covered = stored.substr(0, stored.size() - sizeof(std::uint64_t));
  const std::uint64_t expected = load<std::uint64_t>(covered.data() + covered.size());
  if (checksums_.of(index_.offset(n), covered) == expected) return {};
  return corruption(index_.offset(n), "checksum mismatch in block " + std::to_string(n));
}

Status Reader::load_block(std::uint64_t n, LoadedBlock& out) const {
  std::string_view stored;
  if (Status status = stored_block(n, stored); !status.ok()) return status;
  // A lookup begins at the block's end, and needs these lines one after the other.
  __builtin_prefetch(stored.data() + stored.size() - 1);
  __builtin_prefetch(stored.data() + stored.size() - std::min<std::size_t>(stored.size(), 64));
  __builtin_prefetch(stored.data() + stored.size() - std::min<std::size_t>(stored.size(), 128));
  if (!is_proven(kFirstBlockUnit + n)) {
    if (Status status = check_seal(n, stored); !status.ok()) return status;
    set_proven(kFirstBlockUnit + n);
  }
  stored.remove_suffix(kSealBytes);
  const auto compression = static_cast<std::uint8_t>(stored.data()[stored.size()]);
  if (compression != static_cast<std::uint8_t>(Compression::kNone)) {
    return load_packed(n, stored, compression, out);
  }
  const std::optional<Block> block = Block::parse(stored);
  if (!block) return malformed(n);
  out.block = *block;
  out.owner = nullptr;
  return {};
}

Status Reader::unpack_block(std::uint64_t n, std::string_view packed, std::uint8_t compression,
                            std::string& out) const {
  if (compression > static_cast<std::uint8_t>(Compression::kZstd)) {
    return read_error(
        StatusCode::kUnsupported, name_, index_.offset(n),
        "unknown compression " + std::to_string(compression) + " in block " + std::to_string(n));
  }
  if (unpack(packed, static_cast<Compression>(compression), out)) return {};
  return corruption(index_.offset(n), "block " + std::to_string(n) + " does not unpack");
}

Status Reader::load_packed(std::uint64_t n, std::string_view packed, std::uint8_t compression,
                           LoadedBlock& out) const {
  BlockCache& cache = BlockCache::of_process();
  BlockCache::BlockBytes bytes = cache.find(cache_number_, n);
  if (bytes == nullptr) {
    auto unpacked = std::make_shared<std::string>();
    if (Status status = unpack_block(n, packed, compression, *unpacked); !status.ok()) {
      return status;
    }
    bytes = std::move(unpacked);
    cache.insert(cache_number_, n, bytes);
  }
  const std::optional<Block> block = Block::parse(*bytes);
  if (!block) return malformed(n);
  out.block = *block;
  out.owner = std::move(bytes);
  return {};
}

Status Reader::locate(std::string_view key, std::uint64_t& n) const {
  if (Status status = prove_index(); !status.ok()) return status;
  n = index_.lower_bound(key);
  return {};
}

Result<Lookup> Reader::get(std::string_view key, std::uint64_t hash) const {
  if (Status status = prove_filter(); !status.ok()) return status;
  if (!filter_.may_contain(hash)) return Lookup{};
  std::uint64_t n;
  if (Status status = locate(key, n); !status.ok()) return status;
  if (n == index_.blocks()) return Lookup{};
  LoadedBlock loaded;
  if (Status status = load_block(n, loaded); !status.ok()) return status;
  BlockEntry entry;
  switch (loaded.block.find(key, hash, entry)) {
    case Block::Search::kMissing:
      return Lookup{};
    case Block::Search::kMalformed:
      return malformed(n);
    case Block::Search::kFound:
      break;
  }
  if (!is_known(entry.kind)) return unknown_kind(n, entry.kind);
  if (static_cast<Kind>(entry.kind) == Kind::kErase) {
    return Lookup{Lookup::State::kTombstone, {}, nullptr};
  }
  return Lookup{Lookup::State::kValue, entry.value, std::move(loaded.owner)};
}

Result<std::uint64_t> Reader::offset_of(std::string_view key) const {
  std::uint64_t n;
  if (Status status = locate(key, n); !status.ok()) return status;
  return index_.offset(n);
}

Result<BlockInfo> Reader::block_info(std::uint64_t n) const {
  if (Status status = prove_index(); !status.ok()) return status;
  std::string_view stored;
  if (Status status = stored_block(n, stored); !status.ok()) return status;
  LoadedBlock loaded;
  if (Status status = load_block(n, loaded); !status.ok()) return status;
  const auto compression = static_cast<std::uint8_t>(stored[stored.size() - kSealBytes]);
  return BlockInfo{.offset = index_.offset(n),
                   .stored_bytes = stored.size(),
                   .unpacked_bytes = loaded.block.bytes(),
                   .entries = loaded.block.count(),
                   .compression = static_cast<Compression>(compression)};
}

}  // namespace tidelock::table
