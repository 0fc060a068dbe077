#include "table/block.h"

#include <algorithm>
#include <limits>

#include "tidelock/options.h"

namespace tidelock::table {

namespace {

constexpr std::uint32_t kWide = std::uint32_t{1} << 31;
constexpr std::size_t kNarrowOffsetMax = std::numeric_limits<std::uint16_t>::max();
constexpr std::size_t kVarintBytesMax = 5;
// A block that grew beyond this (a large value) gives its memory back.
constexpr std::size_t kKeptCapacityMax = std::size_t{4} << 20;

// Null if there is none before `end`.
const char* read_varint(const char* from, const char* end, std::uint32_t& out) noexcept {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 7 * kVarintBytesMax && from != end; shift += 7) {
    const auto byte = static_cast<unsigned char>(*from++);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      out = static_cast<std::uint32_t>(value);
      return value <= std::numeric_limits<std::uint32_t>::max() ? from : nullptr;
    }
  }
  return nullptr;
}

void append_varint(std::string& to, std::uint32_t value) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<char>(value | 0x80));
  to.push_back(static_cast<char>(value));
}

std::size_t varint_length(std::size_t value) noexcept {
  std::size_t length = 1;
  for (; value >= 0x80; value >>= 7) ++length;
  return length;
}

// What stands behind the entries of a block.
std::size_t trailer_bytes(std::size_t count, bool wide) noexcept {
  const std::size_t tags = count <= kTaggedEntriesMax ? count : 0;
  return count * (wide ? sizeof(std::uint32_t) : sizeof(std::uint16_t)) + tags +
         sizeof(std::uint32_t);
}

}  // namespace

std::optional<Block> Block::parse(std::string_view bytes) noexcept {
  if (bytes.size() < sizeof(std::uint32_t)) return std::nullopt;
  const std::size_t room = bytes.size() - sizeof(std::uint32_t);
  const auto head = load<std::uint32_t>(bytes.data() + room);
  Block block;
  block.bytes_ = bytes.size();
  block.count_ = head & ~kWide;
  block.wide_ = (head & kWide) != 0;
  const bool tagged = block.count_ <= kTaggedEntriesMax;
  const std::uint64_t each = (block.wide_ ? sizeof(std::uint32_t) : sizeof(std::uint16_t)) + tagged;
  if (block.count_ == 0 || block.count_ * each > room) return std::nullopt;
  block.entries_ = bytes.substr(0, room - block.count_ * each);
  block.offsets_ = bytes.data() + block.entries_.size();
  if (tagged) block.tags_ = bytes.data() + room - block.count_;
  return block;
}

std::size_t Block::offset_of(std::uint32_t i) const noexcept {
  return wide_ ? load<std::uint32_t>(offsets_ + std::size_t{4} * i)
               : load<std::uint16_t>(offsets_ + std::size_t{2} * i);
}

bool Block::entry(std::uint32_t i, BlockEntry& out) const noexcept {
  const std::size_t offset = offset_of(i);
  if (offset > entries_.size() || entries_.size() - offset < 4) return false;
  const char* at = entries_.data() + offset;
  const char* const end = entries_.data() + entries_.size();
  std::uint32_t suffix;
  std::uint32_t value;
  const auto head = load<std::uint32_t>(at);
  out.kind = static_cast<std::uint8_t>(head);
  if ((head & 0x80808000) == 0) {  // three lengths of one byte
    out.shared = head >> 8 & 0x7f;
    suffix = head >> 16 & 0x7f;
    value = head >> 24;
    at += 4;
  } else {
    at = read_varint(at + 1, end, out.shared);
    if (at != nullptr) at = read_varint(at, end, suffix);
    if (at != nullptr) at = read_varint(at, end, value);
    if (at == nullptr || std::uint64_t{out.shared} + suffix > kKeySizeMax) return false;
  }
  if (static_cast<std::size_t>(end - at) < std::uint64_t{suffix} + value) return false;
  out.suffix = {at, suffix};
  out.value = {at + suffix, value};
  return true;
}

bool Block::restart_key(std::uint32_t i, std::string_view& out) const noexcept {
  BlockEntry restart;
  if (!entry(i - i % kRestartInterval, restart) || restart.shared != 0) return false;
  out = restart.suffix;
  return true;
}

Block::Search Block::matches(std::uint32_t i, std::string_view key,
                             BlockEntry& out) const noexcept {
  if (!entry(i, out)) return Search::kMalformed;
  if (key.size() != out.shared + out.suffix.size() || !key.ends_with(out.suffix)) {
    return Search::kMissing;
  }
  if (out.shared == 0) return Search::kFound;
  std::string_view restart;
  if (!restart_key(i, restart) || restart.size() < out.shared) return Search::kMalformed;
  return std::memcmp(key.data(), restart.data(), out.shared) == 0 ? Search::kFound
                                                                  : Search::kMissing;
}

Block::Search Block::find(std::string_view key, std::uint64_t hash,
                          BlockEntry& out) const noexcept {
  if (tags_ == nullptr) return find_by_order(key, out);
  const int tag = static_cast<std::uint8_t>(hash);
  const char* const end = tags_ + count_;
  for (const char* from = tags_; from != end; ++from) {
    from = static_cast<const char*>(std::memchr(from, tag, static_cast<std::size_t>(end - from)));
    if (from == nullptr) break;
    const Search result = matches(static_cast<std::uint32_t>(from - tags_), key, out);
    if (result != Search::kMissing) return result;
  }
  return Search::kMissing;
}

Block::Search Block::find_by_order(std::string_view key, BlockEntry& out) const noexcept {
  std::uint32_t i;
  if (!lower_bound(key, i)) return Search::kMalformed;
  return i == count_ ? Search::kMissing : matches(i, key, out);
}

// The last restart point whose key is <= `key`, or entry 0.
bool Block::last_restart(std::string_view key, std::uint32_t& out) const noexcept {
  std::uint32_t low = 0;
  std::uint32_t high = (count_ - 1) / kRestartInterval;
  while (low < high) {
    const std::uint32_t middle = low + (high - low + 1) / 2;
    std::string_view restart;
    if (!restart_key(middle * kRestartInterval, restart)) return false;
    if (restart <= key) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  out = low * kRestartInterval;
  return true;
}

bool Block::lower_bound(std::string_view key, std::uint32_t& out) const noexcept {
  if (count_ == 0) {
    out = 0;
    return true;
  }
  std::uint32_t low;
  std::string_view restart;
  if (!last_restart(key, low) || !restart_key(low, restart)) return false;
  std::uint32_t high = std::min(count_, low + kRestartInterval);
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    BlockEntry probe;
    if (!entry(middle, probe) || probe.shared > restart.size()) return false;
    int order = restart.substr(0, probe.shared).compare(key.substr(0, probe.shared));
    if (order == 0) order = probe.suffix.compare(key.substr(probe.shared));
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  out = low;
  return true;
}

bool Block::is_tight(const std::vector<std::uint64_t>& hashes) const noexcept {
  std::size_t expected = 0;
  for (std::uint32_t i = 0; i < count_; ++i) {
    BlockEntry found;
    if (offset_of(i) != expected || !entry(i, found)) return false;
    expected = static_cast<std::size_t>(found.value.data() + found.value.size() - entries_.data());
    if (tags_ != nullptr && load<std::uint8_t>(tags_ + i) != static_cast<std::uint8_t>(hashes[i])) {
      return false;
    }
  }
  return entries_.find_first_not_of('\0', expected) == std::string_view::npos;
}

void BlockBuilder::add(std::string_view key, std::uint64_t hash, Kind kind,
                       std::string_view value) {
  std::size_t shared = 0;
  if (offsets_.size() % kRestartInterval == 0) {
    restart_key_ = key;
  } else {
    shared = common_prefix(restart_key_, key);
  }
  offsets_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  tags_.push_back(static_cast<char>(hash));
  bytes_.push_back(static_cast<char>(kind));
  append_varint(bytes_, static_cast<std::uint32_t>(shared));
  append_varint(bytes_, static_cast<std::uint32_t>(key.size() - shared));
  append_varint(bytes_, static_cast<std::uint32_t>(value.size()));
  bytes_.append(key.substr(shared)).append(value);
}

bool BlockBuilder::is_wide() const noexcept {
  return !offsets_.empty() && offsets_.back() > kNarrowOffsetMax;
}

std::string& BlockBuilder::finish(std::size_t filler) {
  const auto count = static_cast<std::uint32_t>(offsets_.size());
  const bool wide = is_wide();
  bytes_.append(filler, '\0');
  for (const std::uint32_t offset : offsets_) {
    if (wide) {
      append(bytes_, offset);
    } else {
      append(bytes_, static_cast<std::uint16_t>(offset));
    }
  }
  if (count <= kTaggedEntriesMax) bytes_ += tags_;
  append(bytes_, wide ? count | kWide : count);
  return bytes_;
}

void BlockBuilder::clear() {
  bytes_.clear();
  if (bytes_.capacity() > kKeptCapacityMax) bytes_.shrink_to_fit();
  tags_.clear();
  offsets_.clear();
}

std::size_t BlockBuilder::bytes() const noexcept {
  return bytes_.size() + trailer_bytes(offsets_.size(), is_wide());
}

std::size_t BlockBuilder::bytes_with(std::string_view key, std::string_view value) const noexcept {
  const std::size_t entry =
      1 + 2 * varint_length(key.size()) + varint_length(value.size()) + key.size() + value.size();
  return bytes_.size() + entry +
         trailer_bytes(offsets_.size() + 1, bytes_.size() > kNarrowOffsetMax);
}

}  // namespace tidelock::table
