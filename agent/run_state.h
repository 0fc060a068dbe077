#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/histogram.h"
#include "agent/ledger.h"
#include "agent/shared_mapping.h"
#include "agent/verdict.h"
#include "agent/workload/action.h"
#include "agent/workload/key_chooser.h"
#include "tidelock/status.h"

namespace tidelock::agent {

// A number that one thread counts up and others may look at. Lies in shared memory.
class Counter {
 public:
  void add(std::uint64_t n) noexcept { set(get() + n); }
  void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_;
};

// What one writer did, its killed predecessors included.
struct alignas(64) WriterStats {
  Counter reads;               // answered; a scan, or a view of several keys, is one
  Counter writes;              // acknowledged; a batch is one
  Counter refused;             // writes given up: tries or deadline used up
  Counter no_space;            // writes that found no room on a disk that was to become full
  Counter misses;              // gets, and looks whether a key exists, that found none
  Counter inserts_as_updates;  // there was no room for another key
  Counter inserting;           // 1 + the key that is being inserted, or is to be; 0: none
  Counter begun_due_ns;        // with a pace: when the last begun was due, from the run's start
  Counter never_begun;         // due when the run ended
  Counter failed;              // operations that ended in an error
  Counter not_durable;    // acknowledged writes of which the store could not say they are on disk
  Counter retries;        // attempts after the first, of all writes
  Counter backoffs;       // sleeps before a retry
  Counter backed_off_ns;  // in these
  Counter longest_wait;   // ns, of one write from its first attempt to its last answer
  Counter finished_ns;    // 0 while it runs
  Counter loaded;         // keys written before the run began
  Counter user_bytes;     // keys and values of acknowledged writes
  Counter last_turn_ns;   // when an operation last came to a good end; at first, the run's start
  Counter longest_gap;    // ns, between two such ends; only timed operations are seen
  Counter snapshots;      // reads of several keys at one point
  Counter batches;        // acknowledged writes of several keys
  // Calls that hold up nobody but who makes them, and may take their time.
  Counter flushes, compactions, reopenings, forks;
  Counter longest_job;                      // ns, of these calls, the opening apart
  Counter longest_call;                     // ns, of any other call
  Counter call_began_ns;                    // of the one it is in; 0: none
  std::array<Counter, kActions> actions;    // that came to a good end
  std::array<Histogram, kActions> latency;  // of those that were timed, refused or never begun

  // Operations that came to an end, whichever.
  [[nodiscard]] std::uint64_t done() const noexcept {
    std::uint64_t sum = refused.get() + no_space.get() + failed.get();
    for (const Counter& count : actions) sum += count.get();
    return sum;
  }
};

// Of all of them.
[[nodiscard]] inline std::uint64_t done(std::span<const WriterStats> writers) noexcept {
  std::uint64_t operations = 0;
  for (const WriterStats& writer : writers) operations += writer.done();
  return operations;
}

// What the lock queue of the store counted for the clients of one slot; with Wait::Policy::kQueue.
struct alignas(64) SlotStats {
  Counter lock_waits;
};

// A read that no order of the writes explains.
struct Contradiction {
  std::uint32_t key = 0;
  std::uint32_t reader = 0;  // the writer (thread) that read
  Finding finding{};
  Verdict verdict = Verdict::kStale;
  std::uint64_t newest_begin_ns = 0;
  std::uint64_t read_begin_ns = 0;
  std::uint64_t read_end_ns = 0;
};

// The memory that the supervisor shares with its clients. Whatever a client wrote stays after its
// death; nothing here is waited for, and a client that dies in the middle of a record leaves it
// unpublished.
class RunState {
 public:
  struct Shape {
    std::uint32_t slots = 0;
    std::uint32_t writers = 0;  // the preloading one included
    std::uint32_t keys = 0;
  };
  [[nodiscard]] static Result<RunState> create(const Shape& shape);

  // Clients that have opened the database since the start of the program, ever.
  std::atomic<std::uint32_t>& opened() const noexcept;
  std::atomic<bool>& go() const noexcept;    // set once: begin to work
  std::atomic<bool>& stop() const noexcept;  // set once: end after the operation in hand

  Counter& start_ns() const noexcept;  // of the run; set before `go`
  Population& population() const noexcept;

  [[nodiscard]] std::span<WriterStats> writers() const noexcept { return writers_; }
  [[nodiscard]] std::span<SlotStats> slots() const noexcept { return slots_; }
  [[nodiscard]] std::span<LedgerEntry> ledger() const noexcept { return ledger_; }

  // Keeps the first failure of all.
  void report_failure(const Status& status) const noexcept;
  [[nodiscard]] Status first_failure() const;

  // Counts all, keeps the first few.
  void report_contradiction(const Contradiction& contradiction) const noexcept;
  [[nodiscard]] std::uint64_t contradictions() const noexcept;
  [[nodiscard]] std::vector<Contradiction> first_contradictions() const;

 private:
  struct Control;
  explicit RunState(SharedMapping mapping, const Shape& shape) noexcept;
  [[nodiscard]] Control& control() const noexcept;

  SharedMapping mapping_;
  std::span<WriterStats> writers_;
  std::span<SlotStats> slots_;
  std::span<LedgerEntry> ledger_;
};

}  // namespace tidelock::agent
