#include "lsm/group_commit.h"

#include <algorithm>
#include <climits>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "os/crash_point.h"
#include "os/futex.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

// How long a waiter trusts the leader before it looks whether he lives, and syncs by itself.
constexpr std::chrono::milliseconds kSlice{20};

Status not_durable(const std::string& cause) {
  return Status(StatusCode::kNotDurable,
                "committed and visible, but not known to be on disk: " + cause);
}

// Signs out as leader and wakes those who wait, whatever happens.
class Leading {
 public:
  Leading(state::SyncInFlight& sync, std::uint64_t me) : sync_(sync), me_(me) {}
  ~Leading() {
    sync_.leader.compare_exchange_strong(me_, 0, std::memory_order_acq_rel);
    TIDELOCK_CRASH_POINT("sync.before_wake");
    // Pairs with the acquire in wait_until_durable.
    sync_.wakeups.fetch_add(1, std::memory_order_release);
    os::futex_wake(sync_.wakeups, INT_MAX);
  }
  Leading(const Leading&) = delete;
  Leading& operator=(const Leading&) = delete;

 private:
  state::SyncInFlight& sync_;
  std::uint64_t me_;
};

}  // namespace

// The newest log whose sync failed, 0: none. Without it D cannot move. A failure is over once the
// log's memtable is in tables; whoever stored it late clears it here.
std::uint64_t GroupCommit::failed_log() const {
  state::Layout& shared = **context_.state;
  std::uint64_t number = shared.sync_failure.log_number.load(std::memory_order_acquire);
  if (number == 0) return 0;
  if (number < shared.tables.load().value.oldest_log) {
    shared.sync_failure.log_number.compare_exchange_strong(number, 0);
    return 0;
  }
  return number;
}

Status GroupCommit::failed_before(std::uint64_t log) const {
  return Status(StatusCode::kIo,
                "an earlier sync of " +
                    state::file_path(context_.directory, state::FileKind::kLog, log) + " failed");
}

Status GroupCommit::sync_all(const os::Deadline& deadline) {
  return wait_until_durable((*context_.state)->end.load().value.lsn, deadline);
}

Status GroupCommit::wait_until_durable(std::uint64_t lsn, const os::Deadline& deadline) {
  state::Layout& shared = **context_.state;
  state::SyncInFlight& sync = shared.sync;
  const std::uint64_t me = lock::to_word(context_.queue->self());
  bool waited_a_slice = false;
  for (bool first = true;; first = false) {
    const std::uint32_t wakeups = sync.wakeups.load(std::memory_order_acquire);
    // Pairs with the release in raise_to.
    if (shared.durable_lsn.load(std::memory_order_acquire) >= lsn) return {};
    if (const std::uint64_t log = failed_log(); log != 0) {
      return not_durable(failed_before(log).message());
    }
    if (!first && deadline.expired()) return not_durable("the deadline passed");
    std::uint64_t leader = sync.leader.load(std::memory_order_acquire);
    const bool leader_is_dead = leader != 0 && leader != me && waited_a_slice &&
                                !context_.queue->alive(lock::identity_of(leader));
    if (leader == 0 || leader_is_dead) {
      if (!sync.leader.compare_exchange_strong(leader, me, std::memory_order_acq_rel)) continue;
      TIDELOCK_CRASH_POINT("sync.leading");
      Status status;
      {
        const Leading leading(sync, me);
        status = lead(deadline);
      }
      if (!status.ok()) return not_durable(status.message());
      continue;
    }
    if (waited_a_slice) {
      // C4: nobody's pause, not even a stopped leader's, keeps a waiter from its own sync.
      if (Status status = lead(deadline); !status.ok()) return not_durable(status.message());
      continue;
    }
    os::futex_wait(sync.wakeups, wakeups,
                   std::min<std::chrono::nanoseconds>(kSlice, deadline.left()));
    waited_a_slice = sync.wakeups.load(std::memory_order_acquire) == wakeups;
  }
}

Status GroupCommit::lead(const os::Deadline& deadline) {
  const std::unique_lock guard(sync_mutex_, deadline.left_at_most(std::chrono::hours(24)));
  if (!guard) return Status(StatusCode::kTimedOut, "the deadline passed");
  state::Layout& shared = **context_.state;
  const std::uint64_t from = shared.durable_lsn.load(std::memory_order_acquire);
  Result<Plan> plan = this->plan(from);
  if (!plan) return plan.error();
  if (plan->end.lsn <= from) return {};
  for (const Part& part : plan->parts) {
    if (Status status = sync(part); !status.ok()) return status;
  }
  TIDELOCK_CRASH_POINT("sync.done");
  state::raise_to(shared.durable_sequence, plan->end.last_sequence);
  state::raise_to(shared.durable_lsn, plan->end.lsn);
  shared.counters.syncs.fetch_add(1, std::memory_order_relaxed);
  TIDELOCK_CRASH_POINT("sync.published");
  return {};
}

// C2: every log from D's to the end's, oldest first; also those that hold nothing, because replay
// finds the later ones through their headers. The end is read after the logs were opened: what a
// descriptor covers without a rewrite (C3) is what was written while it was open.
Result<GroupCommit::Plan> GroupCommit::plan(std::uint64_t from) {
  state::Layout& shared = **context_.state;
  for (;;) {
    Plan plan;
    const auto half = shared.memtables.load();
    const std::uint64_t count = std::min<std::uint64_t>(half.value.count, state::kMemtablesMax);
    const std::uint64_t oldest = shared.tables.load().value.oldest_log;
    logs_.drop_below(oldest);
    bool outdated = false;
    for (std::uint64_t i = 0; i < count; ++i) {
      const state::MemtableEntry& entry = half.value.entries[i];
      const bool sealed = i + 1 < count;
      const std::uint64_t end = sealed ? half.value.entries[i + 1].base_lsn : 0;
      if (entry.log_number < oldest || (sealed && end < from)) continue;
      Result<std::shared_ptr<wal::LogFile>> log = logs_.get(entry);
      // A log that went into tables meanwhile was made durable by them.
      outdated = !log && log.error().code() == StatusCode::kNotFound &&
                 shared.tables.load().value.oldest_log > entry.log_number;
      if (outdated) break;
      if (!log) return log.error();
      plan.parts.push_back({entry.log_number, std::max(from, entry.base_lsn), end, *log});
    }
    if (outdated) continue;
    plan.end = shared.end.load().value;
    if (half.word != shared.memtables.word()) continue;  // the end may be in a newer log
    if (!plan.parts.empty()) plan.parts.back().to = plan.end.lsn;
    return plan;
  }
}

Status GroupCommit::sync(const Part& part) {
  const state::Layout& shared = **context_.state;
  const std::uint64_t failed = shared.sync_failure.log_number.load(std::memory_order_acquire);
  if (part.number <= failed) return failed_before(failed);
  Status status = logs_.prepare_sync(*part.log, part.from, part.to);
  if (status.ok()) status = sync_or_mark(part);
  const bool in_tables = shared.tables.load().value.oldest_log > part.number;
  if (status.ok() || in_tables) return {};
  const bool disk_failed =
      status.code() == StatusCode::kIo || status.code() == StatusCode::kCorruption;
  if (disk_failed) mark_failed(part);
  return status;
}

// Where there is no memory to say that it failed, it is taken to have failed.
Status GroupCommit::sync_or_mark(const Part& part) {
  try {
    return logs_.sync(*part.log);
  } catch (const std::bad_alloc&) {
    mark_failed(part);
    throw;
  }
}

// Before anybody is told: the kernel will not report it a second time. Who is late with an older
// log leaves the newer one's mark. `failed_log` takes it back if an installation has passed the log
// meanwhile.
void GroupCommit::mark_failed(const Part& part) {
  state::raise_to((*context_.state)->sync_failure.log_number, part.number);
}

}  // namespace tidelock::lsm
