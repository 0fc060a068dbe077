#include "memtable/radix_tree.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tidelock::memtable {

namespace {

Status damaged_way(const ArenaView& arena, Ref ref) {
  return arena.corruption(offset_of(ref), "a reference leads where no tree can");
}

}  // namespace

Result<const Entry*> find(const ArenaView& arena, std::string_view key) {
  Ref ref = arena.root();
  for (std::ptrdiff_t above = -1; ref != kNoRef && !is_entry(ref);) {
    const Node* node = arena.node(ref);
    if (node == nullptr || node->depth <= above) return damaged_way(arena, ref);
    above = node->depth;
    if (node->depth < key.size()) {
      ref = find_child(*node, static_cast<std::uint8_t>(key[node->depth]));
      continue;
    }
    if (node->depth > key.size()) return nullptr;
    // Pairs with the release in replace_child.
    ref = node->terminal.load(std::memory_order_acquire);
    if (ref != kNoRef && !is_entry(ref)) return damaged_way(arena, ref);
  }
  if (ref == kNoRef) return nullptr;
  const Entry* entry = arena.entry(ref);
  if (entry == nullptr) return damaged_way(arena, ref);
  return entry->key() == key ? entry : nullptr;
}

Result<const Entry*> visible_version(const ArenaView& arena, const Entry& newest,
                                     std::uint64_t sequence_max) {
  const Entry* version = &newest;
  while (version->sequence > sequence_max) {
    const Ref ref = version->older;
    if (ref == kNoRef) return nullptr;
    const Entry* older = arena.entry(ref);
    // An older version lies lower, so a chain ends whatever the arena holds.
    if (older == nullptr || older >= version || older->sequence >= version->sequence ||
        older->key() != version->key()) {
      return arena.corruption(version, "an entry has a foreign older version");
    }
    version = older;
  }
  if (!version->has_known_kind()) return arena.corruption(version, "an entry has no known kind");
  return version;
}

std::optional<std::string_view> skipped_bytes(const ArenaView& arena, const Node& node,
                                              std::size_t from) {
  const std::size_t length = node.depth - from;
  if (length <= node.tail.size()) {
    return std::string_view(node.tail.data() + node.tail.size() - length, length);
  }
  const Entry* sample = arena.entry(node.sample);
  if (sample == nullptr || sample->key_size < node.depth) return std::nullopt;
  return sample->key().substr(from, length);
}

std::size_t common_prefix(std::string_view a, std::string_view b) noexcept {
  const std::size_t limit = std::min(a.size(), b.size());
  std::size_t at = 0;
  if constexpr (std::endian::native == std::endian::little) {
    for (; at + 8 <= limit; at += 8) {
      std::uint64_t words[2];
      std::memcpy(&words[0], a.data() + at, 8);
      std::memcpy(&words[1], b.data() + at, 8);
      const std::uint64_t difference = words[0] ^ words[1];
      if (difference != 0) return at + static_cast<std::size_t>(std::countr_zero(difference)) / 8;
    }
  }
  while (at < limit && a[at] == b[at]) ++at;
  return at;
}

}  // namespace tidelock::memtable
