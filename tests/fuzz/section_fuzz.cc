// The parts of a table, each for itself: block, packed block, index, filter, footer and properties.

#include <algorithm>

#include "fuzz/input.h"
#include "table/block.h"
#include "table/compression.h"
#include "table/filter.h"
#include "table/index.h"
#include "table/properties.h"
#include "table/table_forge.h"

namespace tidelock::fuzz {

namespace {

using namespace tidelock::table;

// All keys of the block, with `whole` false if one is malformed.
std::vector<std::string> keys_of(const Block& block, bool& whole) {
  std::vector<std::string> keys;
  for (std::uint32_t i = 0; i < block.count() && whole; ++i) {
    BlockEntry entry;
    std::string_view restart;
    whole = block.entry(i, entry) && block.restart_key(i, restart) &&
            entry.shared <= restart.size() && entry.suffix.size() <= block.bytes() &&
            entry.value.size() <= block.bytes();
    if (!whole) break;
    keys.push_back(std::string(restart.substr(0, entry.shared)) + std::string(entry.suffix));
  }
  return keys;
}

bool ascend(const std::vector<std::string>& keys) {
  return std::ranges::adjacent_find(keys, std::greater_equal<>()) == keys.end();
}

void find_any(const Block& block, std::string_view key) {
  BlockEntry entry;
  std::uint32_t at = 0;
  (void)block.find(key, hash_key(key), entry);
  (void)block.find_by_order(key, entry);
  if (block.lower_bound(key, at)) require(at <= block.count());
}

// A block whose keys ascend answers as they say.
void find_each(const Block& block, const std::vector<std::string>& keys) {
  std::vector<std::uint64_t> hashes;
  for (const std::string& key : keys) hashes.push_back(hash_key(key));
  const bool tight = block.is_tight(hashes);
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    BlockEntry expected;
    BlockEntry entry;
    std::uint32_t at = 0;
    require(block.entry(i, expected) && block.lower_bound(keys[i], at) && at == i);
    require(block.find_by_order(keys[i], entry) == Block::Search::kFound &&
            entry.value.data() == expected.value.data());
    require(block.lower_bound(keys[i] + '\0', at) && at == i + 1);
    require(!tight || (block.find(keys[i], hashes[i], entry) == Block::Search::kFound &&
                       entry.value.data() == expected.value.data()));
  }
}

void check_properties(std::string_view bytes) {
  Properties properties;
  if (decode_properties(bytes, "fuzz.sst", 0, properties).ok()) {
    ++believed;
    require(encode_properties(properties) == bytes);
  }
}

void check_footer(std::string_view file) {
  const Result<Footer> footer = decode_footer(file, "fuzz.sst");
  if (!footer) {
    const StatusCode code = footer.error().code();
    return require(code == StatusCode::kCorruption || code == StatusCode::kUnsupported);
  }
  ++believed;
  require(footer->properties_offset() + footer->properties_length + kFooterBytes == file.size());
  require(file.ends_with(encode_footer(*footer)));
  check_properties(file.substr(footer->properties_offset(), footer->properties_length));
}

}  // namespace

void block_target(Bytes bytes) {
  const std::string_view text = text_of(bytes);
  const std::optional<Block> block = Block::parse(text);
  if (!block) return;
  require(block->bytes() == text.size());
  bool whole = true;
  const std::vector<std::string> keys = keys_of(*block, whole);
  for (const std::string& key : keys) find_any(*block, key);
  find_any(*block, text.substr(0, text.size() / 2));
  find_any(*block, "");
  if (!whole || !ascend(keys)) return;
  ++believed;
  find_each(*block, keys);
}

// A byte that says how it was packed; then a packed block, and also one to be packed.
void packed_target(Bytes bytes) {
  Input in(bytes);
  const Compression compression = in.byte() % 2 == 0 ? Compression::kLz4 : Compression::kZstd;
  const std::string_view text = text_of(in.take(bytes.size()));
  std::string out;
  if (unpack(text, compression, out)) {
    ++believed;
    require(out.size() <= kExpansionMax * text.size());
  }
  static Compressor lz4(Compression::kLz4);
  static Compressor zstd(Compression::kZstd);
  std::string packed;
  const Compression how = (compression == Compression::kLz4 ? lz4 : zstd).pack(text, packed);
  require(how == Compression::kNone ? packed.empty() : unpack(packed, how, out) && out == text);
}

// The number of blocks, the length of the common prefix, the index.
void index_target(Bytes bytes) {
  Input in(bytes);
  const std::uint8_t few = in.byte();
  const std::uint64_t blocks = few == 255 ? in.number() : few;
  const std::uint32_t prefix = in.byte();
  const std::string_view text = text_of(in.take(bytes.size()));
  const std::optional<Index> index = Index::parse(text, blocks, prefix);
  if (!index) return;
  const bool tight = index->is_tight();
  if (tight) ++believed;
  for (std::uint64_t n = 0; n < index->blocks(); ++n) {
    (void)index->offset(n);
    std::string_view rest;
    if (!index->rest(n, rest)) {
      require(!tight);
      continue;
    }
    const std::string separator = std::string(index->prefix()) + std::string(rest);
    const std::uint64_t at = index->lower_bound(separator);
    require(at <= index->blocks() && (!tight || at == n));
  }
  (void)index->offset(index->blocks());
  require(index->lower_bound(text) <= index->blocks());
  require(index->lower_bound("") <= index->blocks());
}

// Bits per key, and bytes: of a filter, and also the hashes of keys for one.
void filter_target(Bytes bytes) {
  Input in(bytes);
  const std::uint32_t bits_per_key = in.byte() % (kBloomBitsPerKeyMax + 1);
  const Bytes rest = in.take(bytes.size());
  std::vector<std::uint64_t> hashes;
  for (Input keys(rest); !keys.at_end();) hashes.push_back(keys.number());
  const Filter any(text_of(rest.first(rest.size() / kFilterLineBytes * kFilterLineBytes)),
                   bits_per_key);
  const std::string built = build_filter(hashes, bits_per_key);
  const Filter filter(built, bits_per_key);
  for (const std::uint64_t hash : hashes) {
    any.prefetch(hash);
    (void)any.may_contain(hash);
    require(filter.may_contain(hash));
  }
  if (!filter.empty()) ++believed;
}

// The end of a table, as it is and with the footer's checksum made to fit.
void footer_target(Bytes bytes) {
  std::string file(text_of(bytes));
  check_properties(file);
  check_footer(file);
  reseal_footer(file);
  check_footer(file);
}

}  // namespace tidelock::fuzz
