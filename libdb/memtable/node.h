#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "memtable/reference.h"

// The inner nodes of the adaptive radix tree (Leis, Kemper, Neumann: "The Adaptive Radix Tree:
// ARTful Indexing for Main-Memory Databases", 2013): four kinds, each with room for as many
// children as its name says.
//
// One writer stores, any number of readers in any process load at the same time, and the writer may
// be killed between any two instructions. So:
//  N1. A node is filled before the one release store that makes it reachable.
//  N2. A reachable node changes in three ways only: it gains a child, one of its children or its
//      terminal is replaced by another. Never loses one; depth, sample and tail never change.
//  N3. A child is gained by one publishing store: of `count` in Node4 and Node16 (the slot behind
//      the last is filled first), of the child in Node256, of the index byte in Node48. There the
//      slot is first taken by raising `count`, so a writer killed in between loses the slot; it is
//      never given to two bytes.
//  N4. Children stand in the order they came. Who needs them sorted looks for the neighbour.
//  N5. A full node is replaced by a copy of the next kind. The one replaced is never stored to
//      again: a reader that is still in it finds all that was there when it arrived.
//  N6. Compressed paths carry no copy of the bytes they skip. A node says at which `depth` of the
//      key it branches, and all keys below agree with the key of its `sample` before that depth.
//      So a path may skip 65,535 bytes, and splitting it changes nothing in the node below.
namespace tidelock::memtable {

enum class NodeKind : std::uint8_t { k4 = 1, k16 = 2, k48 = 3, k256 = 4 };

// What all kinds begin with.
struct Node {
  NodeKind kind;
  std::uint8_t reserved0;
  std::uint16_t depth;               // which byte of the key selects the child
  std::atomic<std::uint16_t> count;  // slots taken; not used in Node256
  std::uint16_t reserved1;
  std::atomic<Ref> terminal;  // the entry whose key ends at `depth`, or kNoRef
  Ref sample;                 // an entry below: its key has the bytes before `depth`
  std::array<char, 8> tail;   // the last 8 of these bytes, right-aligned, to spare a cache miss
};

struct Node4 {
  Node head;
  // Byte i of the words, from the lowest, leads to children[i].
  std::array<std::atomic<std::uint64_t>, 1> keys;
  std::array<std::atomic<Ref>, 4> children;
};

struct Node16 {
  Node head;
  std::array<std::atomic<std::uint64_t>, 2> keys;
  std::array<std::atomic<Ref>, 16> children;
};

struct Node48 {
  Node head;
  std::array<std::atomic<std::uint8_t>, 256> index;  // 0, or 1 + the slot in children
  std::array<std::atomic<Ref>, 48> children;
};

struct Node256 {
  Node head;
  std::array<std::atomic<Ref>, 256> children;
};

static_assert(sizeof(Node) == 24 && sizeof(Node4) == 48 && sizeof(Node16) == 104);
static_assert(sizeof(Node48) == 472 && sizeof(Node256) == 1048);
static_assert(alignof(Node) <= kAlignment && alignof(Node16) <= kAlignment);
static_assert(std::atomic<std::uint8_t>::is_always_lock_free &&
              std::atomic<std::uint16_t>::is_always_lock_free &&
              std::atomic<Ref>::is_always_lock_free &&
              std::atomic<std::uint64_t>::is_always_lock_free);

inline constexpr std::uint64_t kNodeBytesMax = sizeof(Node256);

// A place in a node: a child's byte, or one of these. In key order kTerminal comes first.
inline constexpr int kBeforeAll = -2;
inline constexpr int kTerminal = -1;
inline constexpr int kAfterAll = 256;

struct Child {
  int place = kAfterAll;
  Ref ref = kNoRef;  // kNoRef: there is none; kBadRef: the node is damaged
};

// For readers; all loads pair with the release stores below. Any bytes at all may lie in the node:
// what is returned is then wrong, and nothing worse.
[[nodiscard]] Ref find_child(const Node& node, std::uint8_t byte) noexcept;
// The nearest child (or the terminal) after `place`, or before it, in key order.
[[nodiscard]] Child next_child(const Node& node, int place) noexcept;
[[nodiscard]] Child previous_child(const Node& node, int place) noexcept;
// nullptr, or what contradicts N1..N6 inside this node.
[[nodiscard]] const char* fault_of(const Node& node) noexcept;

// 0 when the kind is none of ours.
[[nodiscard]] std::uint64_t node_bytes(NodeKind kind) noexcept;
// The kind that takes over when a node of this kind is full. Precondition: not k256.
[[nodiscard]] NodeKind next_kind(NodeKind kind) noexcept;

// For the writer.
// Both construct a node in `memory`, not yet reachable: a Node4 without children for keys that
// begin with `path` and part behind it; and a copy of `from` with all it has, of next_kind().
// Precondition: `memory` has as many bytes as the node, `path` fits 16 bits.
[[nodiscard]] Node& write_fork(std::byte* memory, std::string_view path, Ref sample) noexcept;
[[nodiscard]] Node& write_grown(std::byte* memory, const Node& from) noexcept;
[[nodiscard]] bool is_full(const Node& node) noexcept;
// Makes `child` reachable under `byte`, which has none. Precondition: not full.
void add_child(Node& node, std::uint8_t byte, Ref child) noexcept;
// Replaces what is at `place`: a child that is there, or kTerminal, there or not.
void replace_child(Node& node, int place, Ref child) noexcept;

}  // namespace tidelock::memtable
