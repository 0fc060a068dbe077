#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "state/switched_cell.h"

// The STATE file, byte by byte: what all processes share besides the lock queue and the memtables.
// A cache of the files, never the truth: rebuilt from manifest and logs whenever `Header` does not
// fit, so its layout may change in any release. Written by attached processes only.
namespace tidelock::state {

inline constexpr std::uint64_t kMagic = 0x45544154534b4454;  // "TDKSTATE"
inline constexpr std::uint64_t kLayoutVersion = 2;
inline constexpr std::size_t kMemtablesMax = 16;
inline constexpr std::size_t kJobBytes = 16;

// A point in the log: bytes and operations before it, and the chain value that seals them.
struct Position {
  std::uint64_t lsn;
  std::uint64_t last_sequence;
  std::uint64_t chain;
  bool operator==(const Position&) const = default;
};

// One memtable and its log. Sizes in bytes.
struct MemtableEntry {
  std::uint64_t log_number;    // orders memtables; `<log_number>.wal`
  std::uint64_t arena_number;  // `<arena_number>.mem`; differs after the arena was rebuilt
  std::uint64_t base_lsn;      // where the log begins
  std::uint64_t first_sequence;
  std::uint64_t log_salt;
  std::uint64_t log_inode;
  std::uint64_t log_size;
  std::uint64_t arena_nonce;
  std::uint64_t arena_inode;
  std::uint64_t arena_size;
};

// The memtable half of the view: oldest first, the last one is active.
struct MemtableHalf {
  std::uint64_t count;
  MemtableEntry entries[kMemtablesMax];
  // Within bounds, whatever `count` is: another process is an input.
  [[nodiscard]] std::uint64_t size() const { return count < kMemtablesMax ? count : kMemtablesMax; }
  [[nodiscard]] const MemtableEntry& active() const { return entries[(count - 1) % kMemtablesMax]; }
  [[nodiscard]] MemtableEntry& active() { return entries[(count - 1) % kMemtablesMax]; }
};

// The table half of the view.
struct TableHalf {
  std::uint64_t manifest_number;
  std::uint64_t manifest_length;  // bytes of it that are synced and valid
  std::uint64_t oldest_log;       // memtables with smaller numbers are in tables
  std::uint64_t level0_tables;    // for write stalls, without reading the manifest
};

struct Header {
  std::atomic<std::uint64_t> magic;  // written last; 0 while the file is being rebuilt
  std::uint64_t layout_hash;
  std::uint64_t epoch;  // random, new with every rebuild
  std::uint64_t boot;
  std::uint64_t mount;
  std::uint64_t device;
  std::uint64_t inode;  // of this very file: a copy of the directory is no live state
  std::uint64_t uuid[2];
  std::uint64_t queue_nonce;  // of the QUEUE that belongs to it
};

// Who is inside fdatasync on behalf of all (rule C3).
struct SyncInFlight {
  std::atomic<std::uint64_t> leader;   // a member's word (lock::to_word); 0 = nobody
  std::atomic<std::uint32_t> wakeups;  // futex: counts ends of syncs
  std::uint32_t padding;
};

// The newest log of which a sync failed: it, and those before it, must not be synced any more (rule
// C6), nor D move. Cleared when `oldest_log` has passed it.
struct SyncFailure {
  std::atomic<std::uint64_t> log_number;  // 0 = none
  std::uint64_t reserved;
};

// A prepared log and arena. `number` is written last, and 0 or not above the active log's number
// when there is none. Changed only by the holder of the `prepare` byte, and by the roll that uses
// it (compare-and-swap to 0).
struct Spare {
  std::atomic<std::uint64_t> number;
  std::atomic<std::uint64_t> log_size;
  std::atomic<std::uint64_t> arena_size;
  std::atomic<std::uint64_t> arena_nonce;
};

struct Counters {
  std::atomic<std::uint64_t> flushes;
  std::atomic<std::uint64_t> compactions;
  std::atomic<std::uint64_t> compaction_bytes_written;
  std::atomic<std::uint64_t> redos;
  std::atomic<std::uint64_t> rolls;
  std::atomic<std::uint64_t> syncs;
  std::atomic<std::uint64_t> synced_commits;
  std::atomic<std::uint64_t> write_stalls;
};

struct Layout {
  Header header;
  // Writer lock:
  alignas(64) SwitchedCell<Position> end;          // E; numbered by its LSN
  alignas(64) SwitchedCell<Position> applied;      // A; numbered by its LSN
  alignas(64) std::atomic<std::uint64_t> visible;  // V, a sequence number
  alignas(64) SwitchedCell<MemtableHalf> memtables;
  // `manifest` byte:
  alignas(64) SwitchedCell<TableHalf> tables;
  // Anybody, by compare-and-swap maximum (rule C4):
  alignas(64) std::atomic<std::uint64_t> durable_lsn;  // D
  std::atomic<std::uint64_t> durable_sequence;         // raised after D's bytes are safe
  std::atomic<std::uint64_t> periodic_lsn;  // some process wants D here within its period
  alignas(64) SyncInFlight sync;
  SyncFailure sync_failure;
  alignas(64) std::atomic<std::uint64_t> next_file_number;  // fetch_add
  Spare spare;
  std::atomic<std::uint64_t> spare_wanted;  // number of the active log when half its arena is used
  std::atomic<std::uint64_t> job_holders[kJobBytes];  // who holds a byte of LOCK; for people
  std::atomic<std::uint64_t> keeper_rounds;  // fetch_add, by who holds the keeper byte and gets on
  alignas(64) Counters counters;
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::uint64_t>) == 8);
static_assert(std::is_standard_layout_v<Layout>);
static_assert(sizeof(MemtableEntry) == 80 && sizeof(TableHalf) == 32);

// Tells layouts apart that were compiled differently.
inline constexpr std::uint64_t kLayoutHash = [] {
  std::uint64_t hash = kLayoutVersion;
  for (const std::uint64_t part :
       {sizeof(Layout), offsetof(Layout, end), offsetof(Layout, applied), offsetof(Layout, visible),
        offsetof(Layout, memtables), offsetof(Layout, tables), offsetof(Layout, durable_lsn),
        offsetof(Layout, sync), offsetof(Layout, next_file_number), offsetof(Layout, counters),
        sizeof(void*), kMemtablesMax}) {
    hash = (hash ^ part) * 0x100000001b3;
  }
  return hash;
}();

// Whole pages of 64 KiB, the largest page size of the machines we know.
inline constexpr std::size_t kFileSize = (sizeof(Layout) + 0xffff) / 0x10000 * 0x10000;

}  // namespace tidelock::state
