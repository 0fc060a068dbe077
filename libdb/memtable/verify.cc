#include <algorithm>
#include <vector>

#include "memtable/memtable.h"
#include "memtable/radix_tree.h"

namespace tidelock::memtable {

namespace {

// One walk over all keys, and what it has met so far.
class Verifier {
 public:
  explicit Verifier(ArenaView arena) noexcept
      : arena_(arena), before_(load(arena.header().counters).counters), cursor_(arena) {}

  Status run() {
    for (cursor_.seek_first(); cursor_.entry() != nullptr; cursor_.next()) {
      if (Status status = check_way(); !status.ok()) return status;
      if (Status status = check_versions(); !status.ok()) return status;
    }
    if (!cursor_.status().ok()) return cursor_.status();
    return check_counters();
  }

 private:
  // That the key has the bytes that lead to it, and each node on the way when first met.
  Status check_way() {
    const std::string_view key = cursor_.entry()->key();
    std::size_t level = 0;
    for (const TreeCursor::Step& step : cursor_.path()) {
      const Node& node = *step.node;
      const bool leads =
          step.place == kTerminal
              ? key.size() == node.depth
              : key.size() > node.depth && static_cast<std::uint8_t>(key[node.depth]) == step.place;
      if (!leads) return arena_.corruption(&node, "a key does not have the bytes that lead to it");
      if (level >= path_met_.size() || path_met_[level] != &node) {
        path_met_.resize(level);
        path_met_.push_back(&node);
        if (Status status = check_node(node, key); !status.ok()) return status;
      }
      ++level;
    }
    // Those above agree with a key that passed through the last one.
    if (level != 0 && !agrees_with_sample(*path_met_[level - 1], key)) {
      return arena_.corruption(path_met_[level - 1],
                               "a key differs from the sample before the branch");
    }
    return {};
  }

  Status check_node(const Node& node, std::string_view key) {
    if (const char* fault = fault_of(node)) return arena_.corruption(&node, fault);
    if (Status status = check_node_place(node); !status.ok()) return status;
    if (!agrees_with_sample(node, key)) return arena_.corruption(&node, "a node has no sample");
    const std::size_t known = std::min<std::size_t>(node.depth, node.tail.size());
    const std::string_view tail(node.tail.data() + node.tail.size() - known, known);
    if (!key.substr(0, node.depth).ends_with(tail)) {
      return arena_.corruption(&node, "a node's tail is not its sample's");
    }
    return {};
  }

  [[nodiscard]] bool agrees_with_sample(const Node& node, std::string_view key) const {
    const Entry* sample = arena_.entry(node.sample);
    return sample != nullptr && sample->key_size >= node.depth && key.size() >= node.depth &&
           sample->key().substr(0, node.depth) == key.substr(0, node.depth);
  }

  Status check_versions() {
    ++met_.keys;
    const std::string_view key = cursor_.entry()->key();
    for (const Entry* entry = cursor_.entry();;) {
      if (Status status = check_entry_place(*entry); !status.ok()) return status;
      if (checksum_of(*entry) != entry->checksum) {
        return arena_.corruption(entry, "an entry's checksum does not fit its bytes");
      }
      if (!entry->has_known_kind()) return arena_.corruption(entry, "an entry has no known kind");
      ++met_.entries;
      met_.tombstones += entry->kind == OperationKind::kErase ? 1 : 0;
      met_.user_bytes += entry->size() - sizeof(Entry);
      if (entry->older == kNoRef) return {};
      const Entry* older = arena_.entry(entry->older);
      if (older == nullptr || older >= entry || older->sequence >= entry->sequence ||
          older->key() != key) {
        return arena_.corruption(entry, "an entry has a foreign older version");
      }
      entry = older;
    }
  }

  // Objects lie in memory that was taken for their kind, and all together do not take more. The
  // writer took it before it published the object, so what is loaded here covers it.
  Status check_entry_place(const Entry& entry) {
    const std::uint64_t end = arena_.header().entries_end.load(std::memory_order_relaxed);
    return take(&entry, entry.size(), kHeaderBytes, end, taken_for_entries_);
  }
  Status check_node_place(const Node& node) {
    const std::uint64_t begin = arena_.header().nodes_begin.load(std::memory_order_relaxed);
    return take(&node, node_bytes(node.kind), begin, arena_.size() - kTailBytes, taken_for_nodes_);
  }
  Status take(const void* object, std::uint64_t bytes, std::uint64_t begin, std::uint64_t end,
              std::uint64_t& taken) {
    const std::uint64_t offset = arena_.offset(object);
    if (begin < kHeaderBytes || begin > end || end > arena_.size() - kTailBytes) {
      return arena_.corruption(std::uint64_t{0}, "what was taken lies out of bounds");
    }
    if (offset < begin || offset > end || bytes > end - offset) {
      return arena_.corruption(offset, "an object lies outside the memory taken for its kind");
    }
    taken += bytes;
    if (taken > end - begin) return arena_.corruption(offset, "objects overlap");
    return {};
  }

  // The walk met all that was there when it began, and no more than there is when it ends. One
  // operation may be visible and not yet counted.
  [[nodiscard]] Status check_counters() const {
    const CountersView after = load(arena_.header().counters);
    Counters most = after.counters;
    if (const Entry* in_flight = arena_.entry(after.announced)) {
      most.keys += 1;
      most.entries += 1;
      most.tombstones += 1;
      most.user_bytes += in_flight->size() - sizeof(Entry);
    }
    const auto lies_within = [this, &most](std::uint64_t Counters::*of) {
      return before_.*of <= met_.*of && met_.*of <= most.*of;
    };
    if (lies_within(&Counters::keys) && lies_within(&Counters::entries) &&
        lies_within(&Counters::tombstones) && lies_within(&Counters::user_bytes)) {
      return {};
    }
    return arena_.corruption(offsetof(ArenaHeader, counters),
                             "what can be reached is not what was counted");
  }

  ArenaView arena_;
  Counters before_;
  TreeCursor cursor_;
  std::vector<const Node*> path_met_;  // on the way to the last key
  Counters met_;
  std::uint64_t taken_for_entries_ = 0;
  std::uint64_t taken_for_nodes_ = 0;
};

}  // namespace

Status Memtable::verify() const {
  return Verifier(arena_).run();
}

}  // namespace tidelock::memtable
