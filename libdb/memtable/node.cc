#include "memtable/node.h"

#include <algorithm>
#include <bit>
#include <bitset>
#include <new>
#include <tuple>
#include <type_traits>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "os/crash_point.h"

namespace tidelock::memtable {

namespace {

template <typename Kind>
const Kind& as(const Node& node) noexcept {
  return reinterpret_cast<const Kind&>(node);
}

template <typename Kind>
Kind& as(Node& node) noexcept {
  return reinterpret_cast<Kind&>(node);
}

// Loaded once per visit. Pairs with the release in publish_slot: keys and children below are full.
unsigned count_of(const Node& node, unsigned max) noexcept {
  return std::min<unsigned>(node.count.load(std::memory_order_acquire), max);
}

// Pairs with the releases in replace_child, add_child and publish_slot.
Ref load_child(const std::atomic<Ref>& slot) noexcept {
  return slot.load(std::memory_order_acquire);
}

// A slot that keys or index lead to has a child; an empty one is damage.
Ref load_present_child(const std::atomic<Ref>& slot) noexcept {
  const Ref ref = load_child(slot);
  return ref != kNoRef ? ref : kBadRef;
}

// The lowest of the 8 bytes of `word` that equals `byte`; 8 when none does. (A borrow can mark a
// byte wrongly, but only above a right one.)
unsigned first_match(std::uint64_t word, std::uint8_t byte) noexcept {
  constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
  const std::uint64_t zero_where_equal = word ^ (kOnes * byte);
  const std::uint64_t marks = (zero_where_equal - kOnes) & ~zero_where_equal & (kOnes << 7);
  return static_cast<unsigned>(std::countr_zero(marks)) / 8;
}

// The same of two words; 16 when none does.
unsigned first_match(std::uint64_t low, std::uint64_t high, std::uint8_t byte) noexcept {
#if defined(__SSE2__)
  const __m128i keys =
      _mm_set_epi64x(static_cast<std::int64_t>(high), static_cast<std::int64_t>(low));
  const __m128i equal = _mm_cmpeq_epi8(keys, _mm_set1_epi8(static_cast<char>(byte)));
  const auto marks = static_cast<unsigned>(_mm_movemask_epi8(equal));
  return static_cast<unsigned>(std::countr_zero(marks | 1U << 16));
#else
  const unsigned at = first_match(low, byte);
  return at < 8 ? at : 8 + first_match(high, byte);
#endif
}

// How Node4 and Node16 are read. What lies behind `count` is not looked at: the writer may be
// filling it, which is why keys are words that are loaded and stored atomically.
template <typename Kind>
struct Unsorted {
  const Kind& node;
  unsigned count;

  explicit Unsorted(const Node& head) noexcept
      : node(as<Kind>(head)), count(count_of(head, std::tuple_size_v<decltype(node.children)>)) {}

  [[nodiscard]] std::uint64_t word(unsigned at) const noexcept {
    return node.keys[at].load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint8_t key(unsigned at) const noexcept {
    return static_cast<std::uint8_t>(word(at / 8) >> (8 * (at % 8)));
  }
  // `count` or more when there is none. A stale byte behind `count` cannot hide one before it.
  [[nodiscard]] unsigned find(std::uint8_t byte) const noexcept {
    if constexpr (std::is_same_v<Kind, Node4>) {
      return first_match(word(0), byte);
    } else {
      return first_match(word(0), word(1), byte);
    }
  }
  [[nodiscard]] Ref child(std::uint8_t byte) const noexcept {
    const unsigned at = find(byte);
    return at < count ? load_present_child(node.children[at]) : kNoRef;
  }
  [[nodiscard]] Child next(int place) const noexcept {
    Child best;
    unsigned best_at = 0;
    for (unsigned at = 0; at < count; ++at) {
      const int byte = key(at);
      if (byte > place && byte < best.place) {
        best.place = byte;
        best_at = at;
      }
    }
    if (best.place != kAfterAll) best.ref = load_present_child(node.children[best_at]);
    return best;
  }
  [[nodiscard]] Child previous(int place) const noexcept {
    Child best{.place = kTerminal};
    unsigned best_at = 0;
    for (unsigned at = 0; at < count; ++at) {
      const int byte = key(at);
      if (byte < place && byte > best.place) {
        best.place = byte;
        best_at = at;
      }
    }
    if (best.place != kTerminal) best.ref = load_present_child(node.children[best_at]);
    return best;
  }
};

Ref child_at(const Node48& node, std::uint8_t byte) noexcept {
  // Pairs with the release in add_child: the slot is filled.
  const unsigned slot = node.index[byte].load(std::memory_order_acquire);
  if (slot == 0) return kNoRef;
  return slot <= node.children.size() ? load_present_child(node.children[slot - 1]) : kBadRef;
}

Ref child_at(const Node256& node, std::uint8_t byte) noexcept {
  return load_child(node.children[byte]);
}

template <typename Kind>
Child next_indexed(const Kind& node, int place) noexcept {
  for (int byte = std::max(place + 1, 0); byte < kAfterAll; ++byte) {
    const Ref ref = child_at(node, static_cast<std::uint8_t>(byte));
    if (ref != kNoRef) return {.place = byte, .ref = ref};
  }
  return {};
}

template <typename Kind>
Child previous_indexed(const Kind& node, int place) noexcept {
  for (int byte = place - 1; byte >= 0; --byte) {
    const Ref ref = child_at(node, static_cast<std::uint8_t>(byte));
    if (ref != kNoRef) return {.place = byte, .ref = ref};
  }
  return {.place = kTerminal};
}

template <typename Kind>
void publish_slot(Kind& node, std::uint8_t byte, Ref child) noexcept {
  const unsigned at = node.head.count.load(std::memory_order_relaxed);
  if (at >= node.children.size()) return;
  std::atomic<std::uint64_t>& word = node.keys[at / 8];
  const unsigned shift = 8 * (at % 8);
  const std::uint64_t others =
      word.load(std::memory_order_relaxed) & ~(std::uint64_t{0xFF} << shift);
  word.store(others | (std::uint64_t{byte} << shift), std::memory_order_relaxed);
  node.children[at].store(child, std::memory_order_relaxed);
  TIDELOCK_CRASH_POINT("memtable.slot_written");
  // Pairs with the acquire in count_of.
  node.head.count.store(static_cast<std::uint16_t>(at + 1), std::memory_order_release);
}

void publish_index(Node48& node, std::uint8_t byte, Ref child) noexcept {
  const unsigned at = node.head.count.load(std::memory_order_relaxed);
  if (at >= node.children.size()) return;
  // In this order for a writer that is killed: a slot once counted is never given away again. Each
  // release keeps the store before it from moving down; the last pairs with the acquires of
  // readers.
  node.head.count.store(static_cast<std::uint16_t>(at + 1), std::memory_order_relaxed);
  TIDELOCK_CRASH_POINT("memtable.slot_counted");
  node.children[at].store(child, std::memory_order_release);
  TIDELOCK_CRASH_POINT("memtable.slot_filled");
  node.index[byte].store(static_cast<std::uint8_t>(at + 1), std::memory_order_release);
}

template <typename Kind>
Node& construct(std::byte* memory, NodeKind kind) noexcept {
  static_assert(offsetof(Kind, head) == 0);
  auto* node = new (memory) Kind();
  node->head.kind = kind;
  return node->head;
}

// Null only in a damaged node.
std::atomic<Ref>* slot_of(Node& node, std::uint8_t byte) noexcept {
  switch (node.kind) {
    case NodeKind::k4: {
      const unsigned at = Unsorted<Node4>(node).find(byte);
      return at < 4 ? &as<Node4>(node).children[at] : nullptr;
    }
    case NodeKind::k16: {
      const unsigned at = Unsorted<Node16>(node).find(byte);
      return at < 16 ? &as<Node16>(node).children[at] : nullptr;
    }
    case NodeKind::k48: {
      const unsigned slot = as<Node48>(node).index[byte].load(std::memory_order_relaxed);
      return slot - 1 < 48 ? &as<Node48>(node).children[slot - 1] : nullptr;
    }
    case NodeKind::k256:
      return &as<Node256>(node).children[byte];
  }
  return nullptr;
}

template <typename Kind>
const char* fault_of(const Unsorted<Kind>& unsorted) noexcept {
  if (unsorted.node.head.count.load(std::memory_order_relaxed) > unsorted.node.children.size()) {
    return "a node counts too many children";
  }
  std::bitset<256> seen;
  for (unsigned at = 0; at < unsorted.count; ++at) {
    if (seen.test(unsorted.key(at))) return "a node has two children for one byte";
    seen.set(unsorted.key(at));
    if (load_child(unsorted.node.children[at]) == kNoRef) return "a node has an empty slot";
  }
  return nullptr;
}

const char* fault_of(const Node48& node) noexcept {
  if (node.head.count.load(std::memory_order_relaxed) > node.children.size()) {
    return "a node counts too many children";
  }
  std::bitset<48> seen;
  for (const std::atomic<std::uint8_t>& index : node.index) {
    const unsigned slot = index.load(std::memory_order_acquire);
    if (slot == 0) continue;
    if (slot > seen.size()) return "a node's index points beyond its slots";
    if (seen.test(slot - 1)) return "a node gave one slot to two bytes";
    seen.set(slot - 1);
    if (load_child(node.children[slot - 1]) == kNoRef) return "a node has an empty slot";
  }
  return nullptr;
}

}  // namespace

Ref find_child(const Node& node, std::uint8_t byte) noexcept {
  switch (node.kind) {
    case NodeKind::k4:
      return Unsorted<Node4>(node).child(byte);
    case NodeKind::k16:
      return Unsorted<Node16>(node).child(byte);
    case NodeKind::k48:
      return child_at(as<Node48>(node), byte);
    case NodeKind::k256:
      return child_at(as<Node256>(node), byte);
  }
  return kBadRef;
}

Child next_child(const Node& node, int place) noexcept {
  if (place < kTerminal) {
    const Ref terminal = load_child(node.terminal);
    if (terminal != kNoRef) return {.place = kTerminal, .ref = terminal};
  }
  switch (node.kind) {
    case NodeKind::k4:
      return Unsorted<Node4>(node).next(place);
    case NodeKind::k16:
      return Unsorted<Node16>(node).next(place);
    case NodeKind::k48:
      return next_indexed(as<Node48>(node), place);
    case NodeKind::k256:
      return next_indexed(as<Node256>(node), place);
  }
  return {.place = kAfterAll, .ref = kBadRef};
}

Child previous_child(const Node& node, int place) noexcept {
  if (place <= kTerminal) return {.place = kBeforeAll, .ref = kNoRef};
  Child found{.place = kTerminal, .ref = kBadRef};
  switch (node.kind) {
    case NodeKind::k4:
      found = Unsorted<Node4>(node).previous(place);
      break;
    case NodeKind::k16:
      found = Unsorted<Node16>(node).previous(place);
      break;
    case NodeKind::k48:
      found = previous_indexed(as<Node48>(node), place);
      break;
    case NodeKind::k256:
      found = previous_indexed(as<Node256>(node), place);
      break;
  }
  if (found.place == kTerminal && found.ref == kNoRef) found.ref = load_child(node.terminal);
  return found;
}

const char* fault_of(const Node& node) noexcept {
  switch (node.kind) {
    case NodeKind::k4:
      return fault_of(Unsorted<Node4>(node));
    case NodeKind::k16:
      return fault_of(Unsorted<Node16>(node));
    case NodeKind::k48:
      return fault_of(as<Node48>(node));
    case NodeKind::k256:
      return nullptr;
  }
  return "a node has no known kind";
}

std::uint64_t node_bytes(NodeKind kind) noexcept {
  switch (kind) {
    case NodeKind::k4:
      return sizeof(Node4);
    case NodeKind::k16:
      return sizeof(Node16);
    case NodeKind::k48:
      return sizeof(Node48);
    case NodeKind::k256:
      return sizeof(Node256);
  }
  return 0;
}

NodeKind next_kind(NodeKind kind) noexcept {
  return static_cast<NodeKind>(static_cast<std::uint8_t>(kind) + 1);
}

Node& write_fork(std::byte* memory, std::string_view path, Ref sample) noexcept {
  Node& node = construct<Node4>(memory, NodeKind::k4);
  node.depth = static_cast<std::uint16_t>(path.size());
  node.sample = sample;
  const std::size_t known = std::min(path.size(), node.tail.size());
  path.copy(node.tail.data() + node.tail.size() - known, known, path.size() - known);
  return node;
}

Node& write_grown(std::byte* memory, const Node& from) noexcept {
  const NodeKind kind = next_kind(from.kind);
  Node& node = kind == NodeKind::k16   ? construct<Node16>(memory, kind)
               : kind == NodeKind::k48 ? construct<Node48>(memory, kind)
                                       : construct<Node256>(memory, kind);
  node.depth = from.depth;
  node.sample = from.sample;
  node.tail = from.tail;
  node.terminal.store(load_child(from.terminal), std::memory_order_relaxed);
  for (Child child = next_child(from, kTerminal); child.ref != kNoRef;
       child = next_child(from, child.place)) {
    add_child(node, static_cast<std::uint8_t>(child.place), child.ref);
  }
  return node;
}

bool is_full(const Node& node) noexcept {
  const unsigned count = node.count.load(std::memory_order_relaxed);
  switch (node.kind) {
    case NodeKind::k4:
      return count >= 4;
    case NodeKind::k16:
      return count >= 16;
    case NodeKind::k48:
      return count >= 48;
    case NodeKind::k256:
      return false;
  }
  return true;
}

void add_child(Node& node, std::uint8_t byte, Ref child) noexcept {
  switch (node.kind) {
    case NodeKind::k4:
      return publish_slot(as<Node4>(node), byte, child);
    case NodeKind::k16:
      return publish_slot(as<Node16>(node), byte, child);
    case NodeKind::k48:
      return publish_index(as<Node48>(node), byte, child);
    case NodeKind::k256:
      return replace_child(node, byte, child);
  }
}

void replace_child(Node& node, int place, Ref child) noexcept {
  std::atomic<Ref>* slot =
      place == kTerminal ? &node.terminal : slot_of(node, static_cast<std::uint8_t>(place));
  // Pairs with the acquire in load_child.
  if (slot != nullptr) slot->store(child, std::memory_order_release);
}

}  // namespace tidelock::memtable
