#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "lock/queue.h"
#include "lsm/context.h"
#include "lsm/log_set.h"
#include "lsm/spare.h"
#include "memtable/memtable.h"
#include "os/mapping.h"
#include "tidelock/status.h"
#include "wal/operation.h"
#include "wal/writer.h"

namespace tidelock::lsm {

// Operations to commit together.
struct WriteRequest {
  wal::EncodedOperations operations;
  memtable::Demand demand;
  wal::Via via = wal::Via::kMapping;
  // Asked under the writer lock, with everything committed so far visible; false: do not write.
  const std::function<Result<bool>()>* condition = nullptr;
};

// The critical section of a write: everything here runs under the writer lock, and the guard in
// each signature says so. One object per attachment; what it keeps is only touched by whoever
// holds the lock.
//
// Steps of a commit, and what a death after each leaves to the next holder:
//   1. redo, if applied < end       as before this call
//   2. record copied behind `end`   bytes nobody looks at; the next record goes over them
//   3. `end` published              the commit. The record exists: he applies it (redo)
//   4. operations inserted          some are there: redo skips them by sequence number
//   5. `applied` published          visible lags; he raises it first
//   6. `visible` raised             nothing to do
// Readers go by `visible`, so they see all of a batch or nothing of it at any of these moments.
class Writer {
 public:
  Writer(Context& context, LogSet& logs) : context_(context), logs_(logs) {}

  enum class Outcome : std::uint8_t {
    kCommitted,
    kRefused,     // by the condition; nothing was written
    kNeedsSpare,  // the memtable is full and no spare will do; nothing was written
    kNeedsFlush,  // too many sealed memtables; nothing was written
  };
  struct Commit {
    Outcome outcome;
    std::uint64_t end_lsn = 0;  // kCommitted: behind the record
    bool rolled = false;
    bool half_full = false;  // it is time to prepare a spare
  };
  [[nodiscard]] Result<Commit> commit(lock::Guard& guard, const WriteRequest& request);

  // Finishes what a dead writer left.
  [[nodiscard]] Status recover(lock::Guard& guard);
  // Seals the active memtable, if there is anything in it, and begins the spare.
  [[nodiscard]] Result<Outcome> seal(lock::Guard& guard);

  // Syncs the active log and its name, whatever D says. Precondition: recovered.
  [[nodiscard]] Status sync_log(const lock::Guard& guard);
  // Gives the unused part of the arena back to the file system. Nobody else is attached, and who
  // comes next reserves it again before he writes.
  void trim(const lock::Guard& guard);

  // Lets go of a memtable that is in tables, with its log, so that they cost no space any more.
  void drop_flushed(const lock::Guard& guard);
  // The same for logs alone that this process has not written to, only synced. Any thread, no lock
  // needed.
  void drop_flushed_logs() { logs_.drop_below((*context_.state)->tables.load().value.oldest_log); }
  // Whether there is a memtable to let go of. Any thread, no lock needed.
  [[nodiscard]] bool holds_flushed() const {
    const std::uint64_t held = held_log_.load(std::memory_order_relaxed);
    return held != 0 && held < (*context_.state)->tables.load().value.oldest_log;
  }

  // The log's end, with the chain value to go on from. Precondition: recovered.
  [[nodiscard]] wal::Position end(const lock::Guard& guard) const;

 private:
  struct Target {
    std::uint64_t word = 0;  // which publication of the memtable half
    state::MemtableEntry entry{};
    std::shared_ptr<wal::LogFile> log;
    os::Mapping arena;
    memtable::MemtableWriter memtable;
  };

  [[nodiscard]] wal::Position in_active_log(const state::Position& position) const;
  [[nodiscard]] Status adopt();
  [[nodiscard]] Status redo();
  [[nodiscard]] Status redo_records();
  [[nodiscard]] Status map_arena(std::uint64_t word, const state::MemtableEntry& entry,
                                 std::shared_ptr<wal::LogFile> log);
  [[nodiscard]] Status rebuild_arena(const state::MemtableEntry& damaged, wal::LogFile& log,
                                     std::uint64_t size);
  [[nodiscard]] bool half_full(std::uint64_t end_lsn);
  [[nodiscard]] bool has_room(const wal::Position& end, const WriteRequest& request) const;
  [[nodiscard]] bool abandoned() const;
  [[nodiscard]] Result<Outcome> roll(const wal::Position& end);
  [[nodiscard]] Status apply(const WriteRequest& request, std::uint64_t first_sequence);
  void publish_applied(const wal::Position& end);

  Context& context_;
  LogSet& logs_;
  std::optional<Target> target_;
  std::atomic<std::uint64_t> held_log_{0};  // number of target_'s log; 0: none
};

}  // namespace tidelock::lsm
