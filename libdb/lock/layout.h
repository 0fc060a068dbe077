#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "lock/word.h"

// The lock-queue file, byte by byte. A cache that nobody trusts after a power cut: it is laid out
// anew whenever `valid` says no and nobody is attached, so the layout may change in any release.
//
// Everything is an atomic of fixed width at a fixed offset. No field needs its writer alive. Times
// are the writer's monotonic nanoseconds and for display only: time namespaces shift clocks.
namespace tidelock::lock {

inline constexpr std::uint32_t kRingEntriesMax = 4096;
inline constexpr std::uint32_t kHistoryLength = 64;
inline constexpr std::size_t kLabelSize = 48;  // bytes; longer labels are cut

struct Header {
  std::atomic<std::uint64_t> magic;      // written last; 0 while the file is laid out
  std::atomic<std::uint64_t> signature;  // a queue file of any version, complete or not
  std::atomic<std::uint64_t> layout_hash;
  std::atomic<std::uint64_t> identity;      // what the creator asked for, to be found by `valid`
  std::atomic<std::uint64_t> ring_entries;  // a power of two, at most kRingEntriesMax
};

// The line that every acquisition touches. Word: Q1, arbiter.h.
struct LockLine {
  std::atomic<std::uint64_t> word;
  std::atomic<std::uint64_t> acquired;  // acquisitions in all; written by the holder
};

// Who got the lock after waiting or from a dead holder. Written by the holder, with pid and label,
// for the slot may be another's by the time somebody reads it. A holder that dies meanwhile leaves
// a record that is not counted yet; the next one overwrites it.
struct alignas(128) HandoverRecord {
  std::atomic<std::uint64_t> slot;
  std::atomic<std::uint64_t> recovered;  // 1: from a dead holder
  std::atomic<std::uint64_t> waited_ns;
  std::atomic<std::uint64_t> at_ns;  // monotonic
  std::atomic<std::int64_t> pid;
  std::atomic<std::uint64_t> label[kLabelSize / 8];
};

// Counted by anybody, never decided by.
struct Statistics {
  std::atomic<std::uint64_t> hand_overs;  // offers accepted
  std::atomic<std::uint64_t> lapses;      // offers taken back from a dead or slow waiter
  std::atomic<std::uint64_t> evictions;   // lapsed waiters moved out of the queue
  std::atomic<std::uint64_t> recoveries;  // dead holders
};

// Q4, ring.h.
struct RingEntry {
  std::atomic<std::uint64_t> word;
  std::atomic<std::uint32_t> wake;  // futex: low 30 bits of the ticket, then how deep it sleeps
  std::uint32_t reserved;
  std::atomic<std::uint64_t> since_ns;  // when its owner began to wait
  std::uint64_t reserved_too;
};

// Q2, members.h. Written by its owner; the second line holds what changes with every acquisition.
struct MemberSlot {
  std::atomic<std::uint32_t> generation;
  std::atomic<std::int32_t> pid;  // 0: detached in order
  std::atomic<std::uint64_t> label[kLabelSize / 8];
  std::atomic<std::uint64_t> view;                       // the application's
  alignas(64) std::atomic<std::uint64_t> held_since_ns;  // 0: not held
  std::atomic<std::uint64_t> acquired;
  std::atomic<std::uint64_t> waited;
  std::atomic<std::uint64_t> overtaken;
  std::atomic<std::uint64_t> longest_wait_ns;
  // For a program that is asked to end a stopped member. 0: not known.
  std::atomic<std::uint64_t> pid_namespace;  // inode of /proc/PID/ns/pid
  std::atomic<std::uint64_t> start_time;     // of the process, field 22 of /proc/PID/stat
  std::atomic<std::uint64_t> nonce;          // random, new with each attachment
};

struct QueueFile {
  Header header;
  alignas(128) LockLine lock;
  alignas(128) std::atomic<std::uint64_t> head;  // tickets; head moves on after its entry was
  alignas(128) std::atomic<std::uint64_t> tail;  // recycled, tail after its entry was claimed
  alignas(128) Statistics statistics;
  std::atomic<std::uint32_t> slots_used;   // slots from here on were never attached
  std::atomic<std::uint32_t> slot_cursor;  // where to look for a dead member's slot next
  std::atomic<std::uint64_t> handovers_recorded;
  alignas(4096) HandoverRecord history[kHistoryLength];
  alignas(4096) RingEntry ring[kRingEntriesMax];
  alignas(4096) MemberSlot members[kMemberSlots];
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(std::is_standard_layout_v<QueueFile>);
static_assert(sizeof(RingEntry) == 32 && sizeof(MemberSlot) == 128);
static_assert(offsetof(QueueFile, history) == 4096 && offsetof(QueueFile, ring) == 12288);
static_assert(sizeof(HandoverRecord) == 128);
static_assert(sizeof(QueueFile) == 3 * 4096 + 32 * 4096 + 128 * 4096);

[[nodiscard]] constexpr std::uint64_t queue_file_size() {
  return sizeof(QueueFile);
}

// Lays out a free lock with nobody attached. Whoever calls it has made sure that nobody else has
// the file mapped for use. A death at any instruction leaves a file that `valid` refuses.
// Precondition: queue_file_size() bytes, page-aligned; ring_entries a power of two in range.
void format(std::span<std::byte> bytes, std::uint64_t identity,
            std::uint32_t ring_entries = kRingEntriesMax);

// Whether a file that begins with these bytes may be laid out: it is empty, zero, or was a queue
// file before. Nobody's data, that is.
[[nodiscard]] bool may_be_formatted(std::span<const std::byte> beginning);

// Whether these bytes are a complete queue file of this layout, with this identity if one is given.
[[nodiscard]] bool valid(std::span<const std::byte> bytes, std::optional<std::uint64_t> identity);

}  // namespace tidelock::lock
