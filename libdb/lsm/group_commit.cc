#include "lsm/group_commit.h"

#include <algorithm>
#include <climits>
#include <string>

#include "os/crash_point.h"
#include "os/futex.h"

namespace tidelock::lsm {

namespace {

// How long a waiter trusts the leader before it looks whether he lives, and syncs by itself.
constexpr std::chrono::milliseconds kSlice{20};

// `SyncInFlight::leader` for a member; 0 is nobody.
std::uint64_t to_word(const lock::Identity& who) {
  return (std::uint64_t{who.slot} + 1) << 32 | who.generation;
}

lock::Identity from_word(std::uint64_t word) {
  return {.slot = static_cast<std::uint32_t>(word >> 32) - 1,
          .generation = static_cast<std::uint32_t>(word)};
}

Status not_durable(const std::string& cause) {
  return Status(StatusCode::kNotDurable,
                "committed and visible, but not known to be on disk: " + cause);
}

}  // namespace

bool GroupCommit::failed(std::uint64_t lsn) const {
  const state::SyncFailure& failure = (*context_.state)->sync_failure;
  return failure.log_number.load(std::memory_order_acquire) != 0 &&
         failure.from_lsn.load(std::memory_order_relaxed) < lsn;
}

Status GroupCommit::sync_all(const os::Deadline& deadline) {
  return wait_until_durable((*context_.state)->end.load().value.lsn, deadline);
}

Status GroupCommit::wait_until_durable(std::uint64_t lsn, const os::Deadline& deadline) {
  state::Layout& shared = **context_.state;
  state::SyncInFlight& sync = shared.sync;
  const std::uint64_t me = to_word(context_.queue->self());
  bool waited_a_slice = false;
  for (;;) {
    const std::uint32_t wakeups = sync.wakeups.load(std::memory_order_acquire);
    // Pairs with the release in raise_to.
    if (shared.durable_lsn.load(std::memory_order_acquire) >= lsn) return {};
    if (failed(lsn)) return not_durable("a sync of the log failed");
    std::uint64_t leader = sync.leader.load(std::memory_order_acquire);
    const bool leader_is_dead =
        leader != 0 && leader != me && waited_a_slice && !context_.queue->alive(from_word(leader));
    if (leader == 0 || leader_is_dead) {
      if (!sync.leader.compare_exchange_strong(leader, me, std::memory_order_acq_rel)) continue;
      TIDELOCK_CRASH_POINT("sync.leading");
      Status status = lead();
      std::uint64_t mine = me;
      sync.leader.compare_exchange_strong(mine, 0, std::memory_order_acq_rel);
      TIDELOCK_CRASH_POINT("sync.before_wake");
      sync.wakeups.fetch_add(1, std::memory_order_release);
      os::futex_wake(sync.wakeups, INT_MAX);
      if (!status.ok()) return not_durable(status.message());
      continue;
    }
    if (waited_a_slice) {
      // C4: nobody's pause, not even a stopped leader's, keeps a waiter from its own sync.
      if (Status status = lead(); !status.ok()) return not_durable(status.message());
      continue;
    }
    if (deadline.expired()) return not_durable("the deadline passed");
    os::futex_wait(sync.wakeups, wakeups,
                   std::min<std::chrono::nanoseconds>(kSlice, deadline.left()));
    waited_a_slice = sync.wakeups.load(std::memory_order_acquire) == wakeups;
  }
}

Status GroupCommit::lead() {
  const std::lock_guard guard(sync_mutex_);
  state::Layout& shared = **context_.state;
  const std::uint64_t from = shared.durable_lsn.load(std::memory_order_acquire);
  const state::Position to = shared.end.load().value;
  if (to.lsn <= from) return {};
  shared.sync.from.store(from, std::memory_order_relaxed);
  shared.sync.to.store(to.lsn, std::memory_order_relaxed);
  if (Status status = sync_logs(from, to); !status.ok()) return status;
  TIDELOCK_CRASH_POINT("sync.done");
  state::raise_to(shared.durable_sequence, to.last_sequence);
  state::raise_to(shared.durable_lsn, to.lsn);
  shared.counters.syncs.fetch_add(1, std::memory_order_relaxed);
  TIDELOCK_CRASH_POINT("sync.published");
  return {};
}

// C2: every log from D's to the end's, oldest first; also those that hold nothing, because replay
// finds the later ones through their headers.
Status GroupCommit::sync_logs(std::uint64_t from, const state::Position& to) {
  state::Layout& shared = **context_.state;
  const state::MemtableHalf half = shared.memtables.load().value;
  const std::uint64_t count = std::min<std::uint64_t>(half.count, state::kMemtablesMax);
  const std::uint64_t oldest = shared.tables.load().value.oldest_log;
  for (std::uint64_t i = 0; i < count; ++i) {
    const state::MemtableEntry& entry = half.entries[i];
    const std::uint64_t end = i + 1 < count ? half.entries[i + 1].base_lsn : to.lsn;
    if (entry.log_number < oldest || end < from || entry.base_lsn >= to.lsn) continue;
    if (entry.log_number == shared.sync_failure.log_number.load(std::memory_order_acquire)) {
      return Status(StatusCode::kIo, "an earlier sync of the log failed");
    }
    Result<std::shared_ptr<wal::LogFile>> log = logs_.get(entry);
    // A log that went into tables meanwhile was made durable by them.
    if (!log && log.error().code() == StatusCode::kNotFound &&
        shared.tables.load().value.oldest_log > entry.log_number) {
      continue;
    }
    if (!log) return log.error();
    if (Status status = logs_.sync(**log, std::max(from, entry.base_lsn), end); !status.ok()) {
      // Before anybody is told: the kernel will not report it a second time.
      shared.sync_failure.from_lsn.store(from, std::memory_order_relaxed);
      shared.sync_failure.log_number.store(entry.log_number, std::memory_order_release);
      return status;
    }
  }
  return {};
}

}  // namespace tidelock::lsm
