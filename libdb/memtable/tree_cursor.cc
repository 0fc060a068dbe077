#include "memtable/tree_cursor.h"

#include <atomic>
#include <optional>
#include <span>

#include "memtable/radix_tree.h"

namespace tidelock::memtable {

void TreeCursor::restart() {
  path_.clear();
  entry_ = nullptr;
  status_ = Status();
}

void TreeCursor::seek_first() {
  restart();
  if (const Ref root = arena_.root(); root != kNoRef) descend(root, Direction::kForward);
}

void TreeCursor::seek_last() {
  restart();
  if (const Ref root = arena_.root(); root != kNoRef) descend(root, Direction::kBackward);
}

void TreeCursor::next() {
  if (entry_ != nullptr) step(Direction::kForward);
}

void TreeCursor::previous() {
  if (entry_ != nullptr) step(Direction::kBackward);
}

void TreeCursor::seek(std::string_view key) {
  restart();
  Ref ref = arena_.root();
  if (ref == kNoRef) return;
  for (std::size_t from = 0; !is_entry(ref);) {
    const Node* node = enter(ref);
    if (node == nullptr) return;
    const std::optional<std::string_view> skipped = skipped_bytes(arena_, *node, from);
    if (!skipped) return fail(ref, "a node has no sample");
    const std::string_view rest = key.substr(from);
    const std::size_t agree = common_prefix(*skipped, rest);
    int place = kBeforeAll;  // the key ends here or sorts before all below
    if (agree == skipped->size() && agree < rest.size()) {
      place = static_cast<std::uint8_t>(rest[agree]);
    } else if (agree < skipped->size() && agree < rest.size() &&
               static_cast<std::uint8_t>(rest[agree]) >
                   static_cast<std::uint8_t>((*skipped)[agree])) {
      place = kAfterAll;
    }
    path_.back().place = place;
    const Ref child = place >= 0 && place < kAfterAll
                          ? find_child(*node, static_cast<std::uint8_t>(place))
                          : kNoRef;
    if (child == kNoRef) return step(Direction::kForward);
    ref = child;
    from = node->depth + 1U;
  }
  arrive(ref, Direction::kForward);
  if (entry_ != nullptr && entry_->key() < key) step(Direction::kForward);
}

// To the neighbour of the places taken.
void TreeCursor::step(Direction direction) {
  while (!path_.empty()) {
    Step& top = path_.back();
    const Child child = direction == Direction::kForward ? next_child(*top.node, top.place)
                                                         : previous_child(*top.node, top.place);
    if (child.ref != kNoRef) {
      top.place = child.place;
      if (!is_entry(child.ref)) prefetch_behind(*top.node, child.place, direction);
      return descend(child.ref, direction);
    }
    path_.pop_back();
  }
  entry_ = nullptr;
}

// To the first entry below `ref`, or the last when walking backward.
void TreeCursor::descend(Ref ref, Direction direction) {
  while (!is_entry(ref)) {
    const Node* node = enter(ref);
    if (node == nullptr) return;
    prefetch_children(*node);
    const Child child = direction == Direction::kForward ? next_child(*node, kBeforeAll)
                                                         : previous_child(*node, kAfterAll);
    if (child.ref == kNoRef) return fail(ref, "a node has no children");
    path_.back().place = child.place;
    ref = child.ref;
  }
  arrive(ref, direction);
}

const Node* TreeCursor::enter(Ref ref) {
  const Node* node = arena_.node(ref);
  if (node == nullptr || (!path_.empty() && node->depth <= path_.back().node->depth)) {
    fail(ref, "a reference leads where no tree can");
    return nullptr;
  }
  path_.push_back({.node = node, .place = kBeforeAll});
  return node;
}

// A walk visits all children of a node, and each lies somewhere else in the arena. So those of a
// small node are asked for together, and those of its neighbour while it is being walked: that
// hides most of the cache misses of a scan.
void TreeCursor::prefetch_children(const Node& node) const {
  std::span<const std::atomic<Ref>> children;
  if (node.kind == NodeKind::k4) children = reinterpret_cast<const Node4&>(node).children;
  if (node.kind == NodeKind::k16) children = reinterpret_cast<const Node16&>(node).children;
  for (const std::atomic<Ref>& child : children) {
    const Ref ref = child.load(std::memory_order_relaxed);
    if (ref != kNoRef) arena_.prefetch(ref);
  }
}

void TreeCursor::prefetch_behind(const Node& node, int place, Direction direction) const {
  const Child neighbour =
      direction == Direction::kForward ? next_child(node, place) : previous_child(node, place);
  if (neighbour.ref == kNoRef || is_entry(neighbour.ref)) return;
  if (const Node* next = arena_.node(neighbour.ref)) prefetch_children(*next);
}

void TreeCursor::arrive(Ref ref, Direction direction) {
  const Entry* entry = arena_.entry(ref);
  if (entry == nullptr) return fail(ref, "a reference leads where no tree can");
  if (entry_ != nullptr) {
    const bool beyond = direction == Direction::kForward ? entry_->key() < entry->key()
                                                         : entry->key() < entry_->key();
    if (!beyond) return fail(ref, "the keys are out of order");
  }
  entry_ = entry;
}

void TreeCursor::fail(Ref ref, std::string_view what) {
  path_.clear();
  entry_ = nullptr;
  status_ = arena_.corruption(offset_of(ref), what);
}

}  // namespace tidelock::memtable
