#include "memtable/memtable.h"

#include "memtable/radix_tree.h"

namespace tidelock::memtable {

namespace {

// Nodes made for n different keys take no more than n times this, at any moment and in any order of
// insertion: a tree has fewer branches beyond the first than keys, and a node with c branches has
// cost, with all that it replaced, at most this times c - 1. Replacement comes with the 5th, 17th
// and 49th child.
constexpr std::uint64_t kNodeBytesPerKey = sizeof(Node4);
static_assert(sizeof(Node4) + sizeof(Node16) <= 4 * kNodeBytesPerKey);
static_assert(sizeof(Node4) + sizeof(Node16) + sizeof(Node48) <= 16 * kNodeBytesPerKey);
static_assert(sizeof(Node4) + sizeof(Node16) + sizeof(Node48) + sizeof(Node256) <=
              48 * kNodeBytesPerKey);

}  // namespace

std::uint64_t Demand::fresh_arena_bytes() const noexcept {
  const std::uint64_t objects = entry_bytes_ + operations_ * kNodeBytesPerKey;
  return (kHeaderBytes + objects + kTailBytes + kArenaGrain - 1) / kArenaGrain * kArenaGrain;
}

Result<Memtable> Memtable::attach(std::span<const std::byte> memory, std::uint64_t number,
                                  std::uint64_t nonce) {
  if (Status status = validate(memory, number, nonce); !status.ok()) return status;
  return Memtable(ArenaView(memory));
}

Result<Lookup> Memtable::lookup(std::string_view key, std::uint64_t sequence_max) const {
  const Entry* from = nullptr;
  return lookup_older(key, sequence_max, from);
}

Result<Lookup> Memtable::lookup_older(std::string_view key, std::uint64_t sequence_max,
                                      const Entry*& from) const {
  if (from == nullptr) {
    const Result<const Entry*> newest = find(arena_, key);
    if (!newest) return newest.error();
    if (*newest == nullptr) return Lookup{};
    from = *newest;
  }
  const Result<const Entry*> version = visible_version(arena_, *from, sequence_max);
  if (!version) return version.error();
  if (*version == nullptr) return Lookup{};
  from = *version;
  const Entry& entry = **version;
  if (entry.kind == OperationKind::kErase) {
    return Lookup{.kind = Lookup::Kind::kTombstone, .value = {}, .sequence = entry.sequence};
  }
  return Lookup{.kind = Lookup::Kind::kValue, .value = entry.value(), .sequence = entry.sequence};
}

MemtableIterator Memtable::iterate(std::uint64_t sequence_max) const {
  return MemtableIterator(arena_, sequence_max);
}

std::uint64_t Memtable::used_bytes() const noexcept {
  const ArenaHeader& header = arena_.header();
  return header.entries_end.load(std::memory_order_relaxed) +
         (arena_.size() - header.nodes_begin.load(std::memory_order_relaxed));
}

Counters Memtable::counters() const noexcept {
  return load(arena_.header().counters).counters;
}

Result<MemtableWriter> MemtableWriter::attach(std::span<std::byte> memory, std::uint64_t number,
                                              std::uint64_t nonce) {
  if (Status status = validate(memory, number, nonce); !status.ok()) return status;
  return MemtableWriter(Arena(memory));
}

bool MemtableWriter::can_take(const Demand& demand) const noexcept {
  const std::uint64_t free = arena_.free().bytes();
  if (demand.entry_bytes() > free) return false;
  const std::uint64_t for_nodes = free - demand.entry_bytes();
  // Either each operation may make the largest node,
  if (demand.operations() <= for_nodes / kNodeBytesMax) return true;
  // or, better for large batches, all nodes together stay within their bound.
  const Counters counters = current(arena_.header().counters);
  return counters.keys + demand.operations() <=
         (for_nodes + counters.node_bytes) / kNodeBytesPerKey;
}

Result<Applied> MemtableWriter::insert(const Operation& operation) const {
  if (operation.key.size() > kKeyBytesMax || operation.value.size() > kValueBytesMax) {
    return Status(StatusCode::kTooLarge,
                  "insert: a key of " + std::to_string(operation.key.size()) +
                      " bytes with a value of " + std::to_string(operation.value.size()));
  }
  return TreeWriter(arena_).insert(operation);
}

void MemtableIterator::seek_first() {
  cursor_.seek_first();
  settle(Direction::kForward);
}

void MemtableIterator::seek_last() {
  cursor_.seek_last();
  settle(Direction::kBackward);
}

void MemtableIterator::seek(std::string_view key) {
  cursor_.seek(key);
  settle(Direction::kForward);
}

void MemtableIterator::seek_before(std::string_view key) {
  cursor_.seek(key);
  if (cursor_.entry() != nullptr) {
    cursor_.previous();
  } else if (cursor_.status().ok()) {
    cursor_.seek_last();
  }
  settle(Direction::kBackward);
}

void MemtableIterator::next() {
  cursor_.next();
  settle(Direction::kForward);
}

void MemtableIterator::previous() {
  cursor_.previous();
  settle(Direction::kBackward);
}

void MemtableIterator::settle(Direction direction) {
  version_ = nullptr;
  for (; cursor_.entry() != nullptr;
       direction == Direction::kForward ? cursor_.next() : cursor_.previous()) {
    const Result<const Entry*> version = visible_version(arena_, *cursor_.entry(), sequence_max_);
    if (!version) {
      status_ = version.error();
      return;
    }
    if (*version != nullptr) {
      version_ = *version;
      break;
    }
  }
  status_ = cursor_.status();
}

Status MemtableIterator::verify_entry() const {
  if (checksum_of(*version_) == version_->checksum) return {};
  return arena_.corruption(version_, "an entry's checksum does not fit its bytes");
}

}  // namespace tidelock::memtable
