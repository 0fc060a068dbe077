#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "memtable/counters.h"
#include "memtable/entry.h"
#include "memtable/node.h"
#include "memtable/reference.h"
#include "tidelock/status.h"

// The `.mem` file: one header page, then entries in the order they were made, and, from the end
// downwards, the tree's nodes. Entries are written once; nodes are written by every process, which
// has to fault in each page that it writes: so they lie close together. The file is mapped by every
// process and never trusted after a reboot (the log rebuilds it), so its layout is the machine's
// own and may change with any release: `layout` tells.
namespace tidelock::memtable {

// Who may store: `format` before anybody else maps the file; then only the holder of the writer
// lock, and of the fields only `root` and those behind.
struct ArenaHeader {
  std::atomic<std::uint64_t> magic;  // stored last by `format`: the rest is then complete
  std::uint64_t layout;              // hash of all sizes and offsets
  std::uint64_t number;              // the file's number
  std::uint64_t nonce;               // random: tells this file from another of the same number
  std::uint64_t capacity;            // bytes of the arena, this page included

  // Read by every lookup, seldom written.
  alignas(64) std::atomic<Ref> root;

  // Written by every insert, not read on the read path. The next entry goes to `entries_end`, the
  // next node ends at `nodes_begin`; what lies beyond these two is taken for ever.
  alignas(64) std::atomic<std::uint64_t> entries_end;
  std::atomic<std::uint64_t> nodes_begin;
  SharedCounters counters;
};
static_assert(sizeof(ArenaHeader) == 256 && alignof(ArenaHeader) == 64);

inline constexpr std::uint64_t kHeaderBytes = 4096;  // the first object's offset
// Kept free at the end: one comparison then bounds a node of any kind.
inline constexpr std::uint64_t kTailBytes = (kNodeBytesMax + 63) / 64 * 64;
inline constexpr std::uint64_t kArenaGrain = 64;  // the size is a multiple of it
inline constexpr std::uint64_t kArenaBytesMin = kHeaderBytes + 4096;
inline constexpr std::uint64_t kArenaBytesMax = (std::uint64_t{16} << 30) - (1U << 16);
static_assert(kArenaBytesMax < offset_of(kBadRef));

// Makes an empty arena of `memory`, whatever it held: magic cleared first, stored last. Nobody else
// may be using it. Precondition of all below: `memory` is aligned to 64 (a mapping is).
// kInvalid: size out of bounds or not a multiple of kArenaGrain.
[[nodiscard]] Status format(std::span<std::byte> memory, std::uint64_t number, std::uint64_t nonce);

// Whether `memory` is a complete arena of this number, nonce and size. kCorruption: it is not.
// kUnsupported: made by a program with another layout.
[[nodiscard]] Status validate(std::span<const std::byte> memory, std::uint64_t number,
                              std::uint64_t nonce);

// Bounds-checked access for reading. A view of the mapping: copy it freely, keep the mapping. The
// bytes may be anything; what is handed out can be read to its end.
class ArenaView {
 public:
  // Precondition: validated.
  explicit ArenaView(std::span<const std::byte> memory) noexcept
      : base_(memory.data()), size_(memory.size()) {}

  [[nodiscard]] const ArenaHeader& header() const noexcept {
    return *reinterpret_cast<const ArenaHeader*>(base_);
  }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  // kNoRef: nothing was inserted yet.
  [[nodiscard]] Ref root() const noexcept {
    // Pairs with the release in RadixTree::replace.
    return header().root.load(std::memory_order_acquire);
  }
  // Null when `ref` is no entry that lies within bounds.
  [[nodiscard]] const Entry* entry(Ref ref) const noexcept {
    const std::uint64_t offset = offset_of(ref);
    if (!is_entry(ref) || offset > size_ - kTailBytes) return nullptr;
    const auto* found = reinterpret_cast<const Entry*>(base_ + offset);
    return found->size() <= size_ - offset ? found : nullptr;
  }
  // Null when `ref` is no node that lies within bounds. Its kind is not looked at.
  [[nodiscard]] const Node* node(Ref ref) const noexcept {
    const std::uint64_t offset = offset_of(ref);
    if (is_entry(ref) || offset > size_ - kTailBytes) return nullptr;
    return reinterpret_cast<const Node*>(base_ + offset);
  }
  // Asks for the first two cache lines of what `ref` leads to. Any reference will do.
  void prefetch(Ref ref) const noexcept {
    const std::uint64_t offset = offset_of(ref);
    if (offset > size_ - kTailBytes) return;
    __builtin_prefetch(base_ + offset);
    __builtin_prefetch(base_ + offset + 64);
  }
  // Precondition: `object` lies in this arena.
  [[nodiscard]] std::uint64_t offset(const void* object) const noexcept {
    return static_cast<std::uint64_t>(static_cast<const std::byte*>(object) - base_);
  }
  // Names this arena and the object at fault.
  [[nodiscard]] Status corruption(std::uint64_t offset, std::string_view what) const;
  [[nodiscard]] Status corruption(const void* object, std::string_view what) const {
    return corruption(offset(object), what);
  }

 private:
  const std::byte* base_;
  std::uint64_t size_;
};

// The same for the holder of the writer lock. Memory once handed out is never handed out again,
// also not what a killed writer had taken and not used.
class Arena : public ArenaView {
 public:
  // Precondition: validated, mapped for writing.
  explicit Arena(std::span<std::byte> memory) noexcept : ArenaView(memory), memory_(memory) {}

  [[nodiscard]] ArenaHeader& header() const noexcept {
    return *reinterpret_cast<ArenaHeader*>(memory_.data());
  }
  [[nodiscard]] Node& writable(const Node& node) const noexcept {
    return *reinterpret_cast<Node*>(memory_.data() + offset(&node));
  }
  // Where nothing was taken yet, from and to; empty if the header is damaged.
  struct Free {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    [[nodiscard]] std::uint64_t bytes() const noexcept { return end - begin; }
  };
  [[nodiscard]] Free free() const noexcept;
  // Memory for a node and for an entry, either of which may have 0 bytes; taken before it may be
  // touched. Nothing when there is no room. Precondition: multiples of 8.
  struct Taken {
    std::byte* node;
    std::byte* entry;
  };
  [[nodiscard]] std::optional<Taken> take(std::uint64_t node_bytes,
                                          std::uint64_t entry_bytes) const noexcept;

 private:
  std::span<std::byte> memory_;
};

}  // namespace tidelock::memtable
