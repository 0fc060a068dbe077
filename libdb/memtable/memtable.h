#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "memtable/arena.h"
#include "memtable/tree_cursor.h"
#include "memtable/tree_writer.h"
#include "tidelock/status.h"

// The shared memtable: the newest operations of all processes, ordered by key, each key with its
// versions newest first, in an arena that every process maps (see arena.h for the file, node.h for
// the tree's invariants N1 to N6).
//
// One writer at a time, the holder of the writer lock, through MemtableWriter; any number of
// readers in any process, without a lock and without a store, through Memtable. Objects of both are
// views: cheap to make and to copy, valid as long as the mapping. All views of keys and values
// point into the mapping and stay valid and unchanged as long as it does.
//
// What the death of a writer leaves, at any instruction: the operations it had made visible, whole;
// of the one it was in, nothing or all. Whoever takes the lock next applies the log from the
// applied position again; what is there is skipped (C5).
//
// What a reader sees: with `sequence_max` = V, loaded before, all and only the operations up to V.
// Nothing an arena at rest may hold makes a call crash or not end: what cannot be is kCorruption.
namespace tidelock::memtable {

struct Lookup {
  enum class Kind : std::uint8_t { kMissing, kValue, kTombstone };

  Kind kind = Kind::kMissing;
  std::string_view value;      // kValue only
  std::uint64_t sequence = 0;  // of the version found; not with kMissing
};

// The most that a set of operations can take of an arena: make one, add all of a batch, ask
// can_take before the batch is committed.
class Demand {
 public:
  void add(std::size_t key_size, std::size_t value_size) noexcept {
    ++operations_;
    entry_bytes_ += memtable::entry_bytes(key_size, value_size);
  }
  [[nodiscard]] std::uint64_t operations() const noexcept { return operations_; }
  [[nodiscard]] std::uint64_t entry_bytes() const noexcept { return entry_bytes_; }
  // The smallest arena that surely takes all of it, when it is fresh. May exceed kArenaBytesMax.
  [[nodiscard]] std::uint64_t fresh_arena_bytes() const noexcept;

 private:
  std::uint64_t operations_ = 0;
  std::uint64_t entry_bytes_ = 0;
};

class MemtableIterator;

class Memtable {
 public:
  // `memory` may be mapped for reading only. Errors as `validate`.
  [[nodiscard]] static Result<Memtable> attach(std::span<const std::byte> memory,
                                               std::uint64_t number, std::uint64_t nonce);

  // The newest version of `key` with a sequence number <= `sequence_max`.
  [[nodiscard]] Result<Lookup> lookup(std::string_view key, std::uint64_t sequence_max) const;
  // The same for many versions of one key, asked for from newer to older ones: begins where the
  // call before has ended, which `from` tells; null at the first.
  [[nodiscard]] Result<Lookup> lookup_older(std::string_view key, std::uint64_t sequence_max,
                                            const Entry*& from) const;
  [[nodiscard]] MemtableIterator iterate(std::uint64_t sequence_max) const;

  // Exact. (While an insert goes on, or after a writer was killed in one and until the next, that
  // operation may be visible and not yet counted.) Who walks all keys can tell that none is lost.
  [[nodiscard]] Counters counters() const noexcept;
  // Bytes taken of the arena, and bytes it has.
  [[nodiscard]] std::uint64_t used_bytes() const noexcept;
  [[nodiscard]] std::uint64_t capacity() const noexcept { return arena_.size(); }
  [[nodiscard]] std::uint64_t number() const noexcept { return arena_.header().number; }
  // Walks everything reachable: structure, order, all versions and their checksums, counters. A
  // writer may go on meanwhile. kCorruption names the arena and the offset.
  [[nodiscard]] Status verify() const;

 private:
  friend class MemtableWriter;
  explicit Memtable(ArenaView arena) noexcept : arena_(arena) {}

  ArenaView arena_;
};

// For the holder of the writer lock; may be kept across holdings, it has no state of its own.
class MemtableWriter {
 public:
  // `memory` is mapped for writing. Errors as `validate`.
  [[nodiscard]] static Result<MemtableWriter> attach(std::span<std::byte> memory,
                                                     std::uint64_t number, std::uint64_t nonce);

  // Whether all operations of `demand`, in any order, are sure to find room. (C5: an arena in which
  // writers were killed has lost bytes; applying again may then run out after all, with kLimit.)
  [[nodiscard]] bool can_take(const Demand& demand) const noexcept;
  // Bytes not yet taken.
  [[nodiscard]] std::uint64_t free_bytes() const noexcept { return arena_.free().bytes(); }
  // Where they lie in the arena.
  [[nodiscard]] Arena::Free free() const noexcept { return arena_.free(); }

  // Visible when it returns. kAlreadyThere: the newest version of the key has this sequence number
  // or a higher one. On error nothing has changed: kTooLarge (key or value), kLimit (no room; not
  // after can_take), kCorruption.
  [[nodiscard]] Result<Applied> insert(const Operation& operation) const;

  [[nodiscard]] Memtable reader() const noexcept { return Memtable(arena_); }

 private:
  explicit MemtableWriter(Arena arena) noexcept : arena_(arena) {}

  Arena arena_;
};

// Yields each key that has a version with a sequence number <= `sequence_max`, with the newest such
// version, in key order; tombstones too. Keys are each yielded exactly once, in order, also while a
// writer inserts. Starts unpositioned. Used by one thread at a time; valid as long as the mapping.
class MemtableIterator {
 public:
  MemtableIterator(ArenaView arena, std::uint64_t sequence_max) noexcept
      : arena_(arena), cursor_(arena), sequence_max_(sequence_max) {}

  void seek_first();
  void seek_last();
  void seek(std::string_view key);         // to the first key >= `key`
  void seek_before(std::string_view key);  // to the last key < `key`

  [[nodiscard]] bool valid() const noexcept { return version_ != nullptr; }
  // kOk, or why it is not valid. A seek begins anew.
  [[nodiscard]] const Status& status() const noexcept { return status_; }

  // All that follow: precondition valid().
  void next();
  void previous();
  [[nodiscard]] std::string_view key() const noexcept { return version_->key(); }
  [[nodiscard]] std::string_view value() const noexcept { return version_->value(); }
  [[nodiscard]] OperationKind kind() const noexcept { return version_->kind; }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return version_->sequence; }
  // Compares the checksum of the version with its bytes: before they go to a table.
  [[nodiscard]] Status verify_entry() const;

 private:
  enum class Direction : std::uint8_t { kForward, kBackward };

  // From where the cursor is, to the first key in `direction` that has a version to yield.
  void settle(Direction direction);

  ArenaView arena_;
  TreeCursor cursor_;
  std::uint64_t sequence_max_;
  const Entry* version_ = nullptr;
  Status status_;
};

}  // namespace tidelock::memtable
