#include "memtable/tree_writer.h"

#include <optional>
#include <string>

#include "memtable/radix_tree.h"
#include "os/crash_point.h"

namespace tidelock::memtable {

namespace {

// The place of `key` in a node at `depth`. Precondition: depth <= key.size().
int place_of(std::string_view key, std::size_t depth) noexcept {
  return depth == key.size() ? kTerminal : static_cast<std::uint8_t>(key[depth]);
}

void set_place(Node& node, int place, Ref ref) noexcept {
  if (place == kTerminal) {
    replace_child(node, kTerminal, ref);
  } else {
    add_child(node, static_cast<std::uint8_t>(place), ref);
  }
}

Status no_room(const Arena& arena, std::uint64_t bytes) {
  return {StatusCode::kLimit, "memtable " + std::to_string(arena.header().number) +
                                  ": no room for " + std::to_string(bytes) + " bytes"};
}

}  // namespace

Result<Applied> TreeWriter::insert(const Operation& operation) const {
  SharedCounters& counters = arena_.header().counters;
  if (announced_entry(counters) != kNoRef) [[unlikely]] {
    if (Status status = settle_for_a_dead_writer(); !status.ok()) return status;
  }
  const Result<Spot> located = locate(operation.key);
  if (!located) return located.error();
  const Spot& spot = *located;
  const bool same_key = spot.what == Case::kSameKey;
  if (same_key && spot.sequence >= operation.sequence) return Applied::kAlreadyThere;

  const std::uint64_t node_size = new_node_bytes(spot);
  const std::uint64_t entry_size = entry_bytes(operation.key.size(), operation.value.size());
  const std::optional<Arena::Taken> memory = arena_.take(node_size, entry_size);
  if (!memory) return no_room(arena_, node_size + entry_size);
  TIDELOCK_CRASH_POINT("memtable.space_taken");
  const Entry& entry = write_entry(memory->entry, operation, same_key ? spot.ref : kNoRef);
  const Ref ref = entry_ref(arena_.offset(&entry));
  TIDELOCK_CRASH_POINT("memtable.entry_filled");
  announce(counters, counters_after(operation, spot, node_size), ref);
  TIDELOCK_CRASH_POINT("memtable.entry_announced");
  publish(spot, operation.key, ref, memory->node);
  settle(counters, Outcome::kPublished);
  TIDELOCK_CRASH_POINT("memtable.counters_settled");
  return Applied::kInserted;
}

Status TreeWriter::settle_for_a_dead_writer() const {
  SharedCounters& counters = arena_.header().counters;
  const Entry* announced = arena_.entry(announced_entry(counters));
  if (announced == nullptr) {
    return arena_.corruption(offsetof(ArenaHeader, counters),
                             "no entry is where one was announced");
  }
  // If it was published it is still the newest of its key.
  const Result<const Entry*> newest = find(arena_, announced->key());
  if (!newest) return newest.error();
  settle(counters, *newest == announced ? Outcome::kPublished : Outcome::kNotPublished);
  return {};
}

Result<TreeWriter::Spot> TreeWriter::locate(std::string_view key) const {
  Spot spot{.ref = arena_.root()};
  std::size_t from = 0;  // bytes of the key before it are known to agree
  for (std::ptrdiff_t above = -1; spot.ref != kNoRef && !is_entry(spot.ref);) {
    const Node* node = arena_.node(spot.ref);
    if (node == nullptr || node->depth <= above || node_bytes(node->kind) == 0) {
      return arena_.corruption(offset_of(spot.ref), "a reference leads where no tree can");
    }
    above = node->depth;
    const std::optional<std::string_view> skipped = skipped_bytes(arena_, *node, from);
    if (!skipped) return arena_.corruption(node, "a node has no sample");
    const std::size_t agree = common_prefix(*skipped, key.substr(from));
    if (agree < skipped->size()) {
      spot.what = Case::kFork;
      spot.matched = from + agree;
      spot.place = static_cast<std::uint8_t>((*skipped)[agree]);
      return spot;
    }
    const int place = place_of(key, node->depth);
    // Nobody else stores: relaxed is enough here, and in find_child the acquire is not needed.
    const Ref child = place == kTerminal ? node->terminal.load(std::memory_order_relaxed)
                                         : find_child(*node, static_cast<std::uint8_t>(place));
    if (child == kNoRef) {
      spot.what = Case::kNewPlace;
      spot.place = place;
      return spot;
    }
    if (place == kTerminal && !is_entry(child)) {
      return arena_.corruption(node, "a node's terminal is no entry");
    }
    spot.slot = {&arena_.writable(*node), place};
    spot.ref = child;
    from = place == kTerminal ? node->depth : node->depth + 1U;
  }
  if (spot.ref == kNoRef) return spot;
  spot.matched = from;
  return compare_with_entry(key, spot);
}

Result<TreeWriter::Spot> TreeWriter::compare_with_entry(std::string_view key, Spot spot) const {
  const Entry* entry = arena_.entry(spot.ref);
  if (entry == nullptr) {
    return arena_.corruption(offset_of(spot.ref), "a reference leads where no tree can");
  }
  const std::size_t agree = common_prefix(entry->key(), key);
  if (agree < spot.matched) return arena_.corruption(entry, "an entry stands at a foreign place");
  spot.matched = agree;
  if (agree == key.size() && agree == entry->key_size) {
    spot.what = Case::kSameKey;
    spot.sequence = entry->sequence;
  } else {
    spot.what = Case::kFork;
    spot.place = place_of(entry->key(), agree);
  }
  return spot;
}

std::uint64_t TreeWriter::new_node_bytes(const Spot& spot) const noexcept {
  if (spot.what == Case::kFork) return sizeof(Node4);
  if (spot.what != Case::kNewPlace || spot.place == kTerminal) return 0;
  const Node& node = *arena_.node(spot.ref);
  return is_full(node) ? node_bytes(next_kind(node.kind)) : 0;
}

void TreeWriter::publish(const Spot& spot, std::string_view key, Ref entry,
                         std::byte* memory) const {
  switch (spot.what) {
    case Case::kEmptyTree:
      replace(spot.slot, entry);
      TIDELOCK_CRASH_POINT("memtable.first_entry_published");
      return;
    case Case::kSameKey:
      replace(spot.slot, entry);
      TIDELOCK_CRASH_POINT("memtable.version_published");
      return;
    case Case::kFork:
      return fork(spot, key, entry, memory);
    case Case::kNewPlace:
      return add_place(spot, entry, memory);
  }
}

void TreeWriter::add_place(const Spot& spot, Ref entry, std::byte* memory) const {
  Node& node = arena_.writable(*arena_.node(spot.ref));
  if (spot.place == kTerminal || !is_full(node)) {
    set_place(node, spot.place, entry);
    TIDELOCK_CRASH_POINT("memtable.child_published");
    return;
  }
  Node& grown = write_grown(memory, node);
  set_place(grown, spot.place, entry);
  TIDELOCK_CRASH_POINT("memtable.grown_node_filled");
  replace(spot.slot, node_ref(arena_.offset(&grown)));
  TIDELOCK_CRASH_POINT("memtable.grown_node_published");
}

void TreeWriter::fork(const Spot& spot, std::string_view key, Ref entry, std::byte* memory) const {
  Node& node = write_fork(memory, key.substr(0, spot.matched), entry);
  set_place(node, spot.place, spot.ref);
  set_place(node, place_of(key, spot.matched), entry);
  TIDELOCK_CRASH_POINT("memtable.fork_filled");
  replace(spot.slot, node_ref(arena_.offset(&node)));
  TIDELOCK_CRASH_POINT("memtable.fork_published");
}

void TreeWriter::replace(const Slot& slot, Ref ref) const noexcept {
  if (slot.node != nullptr) return replace_child(*slot.node, slot.place, ref);
  // Pairs with the acquire in ArenaView::root.
  arena_.header().root.store(ref, std::memory_order_release);
}

Counters TreeWriter::counters_after(const Operation& operation, const Spot& spot,
                                    std::uint64_t node_size) const noexcept {
  Counters counters = current(arena_.header().counters);
  counters.keys += spot.what == Case::kSameKey ? 0 : 1;
  counters.entries += 1;
  counters.tombstones += operation.kind == OperationKind::kErase ? 1 : 0;
  counters.user_bytes += operation.key.size() + operation.value.size();
  counters.node_bytes += node_size;
  return counters;
}

}  // namespace tidelock::memtable
