#include "agent/client.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "agent/call_timer.h"
#include "agent/worker.h"

namespace tidelock::agent {
namespace {

using namespace std::chrono_literals;

constexpr auto kSampleEvery = 250ms;

// Share `index` of `total` operations dealt out to `parts`.
std::uint64_t share(std::uint64_t total, std::uint32_t parts, std::uint32_t index) noexcept {
  return total / parts + (index < total % parts ? 1 : 0);
}

std::uint64_t worker_seed(const Run& run, std::uint32_t writer, std::uint32_t generation) {
  return mix(run.settings.seed ^ mix(std::uint64_t{writer} << 32 | generation));
}

Assignment assignment_of(const Run& run, std::uint32_t writer) {
  const Settings& settings = run.settings;
  return {.writer = writer,
          .operations = settings.operations == 0
                            ? UINT64_MAX
                            : share(settings.operations, settings.writers(), writer),
          .read_percent = settings.read_percent,
          .erase_percent = settings.erase_percent,
          .batch_percent = settings.batch_percent,
          .durable_percent = settings.durable_percent,
          .snapshot_percent = settings.snapshot_percent,
          .churn_every = settings.churn_every,
          .keys = settings.keys,
          .place = {.writer = writer,
                    .writers = settings.writers(),
                    .done = run.state.writers()[writer].done()}};
}

std::uint64_t own_lock_waits(const Db& db) {
  const Result<LockInfo> info = db.lock_info();
  if (!info) return 0;
  for (const LockMember& member : info->members) {
    if (member.pid == ::getpid()) return member.waited;
  }
  return 0;
}

// The writers of one client, each a thread. The client itself sleeps, and looks now and then how
// often the lock made it wait: a client that is killed loses what came since the last look.
class Crew {
 public:
  Crew(const Run& run, Db& db, std::uint32_t slot) : run_(run), db_(db), slot_(slot) {}

  [[nodiscard]] bool work(std::uint32_t generation) {
    const std::uint32_t count = run_.settings.threads;
    Counter& waits = run_.state.slots()[slot_].lock_waits;
    const std::uint64_t waits_before = waits.get();
    // With churn the handle is now and then another.
    const bool queueing =
        run_.settings.wait == Wait::Policy::kQueue && run_.settings.churn_every == 0;
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t writer = slot_ * count + i;
      threads.emplace_back([this, writer, generation] { work_as(writer, generation); });
    }
    std::unique_lock lock(mutex_);
    do {
      changed_.wait_for(lock, kSampleEvery, [&] { return ended_ == count; });
      if (queueing) waits.set(waits_before + own_lock_waits(db_));
    } while (ended_ != count);
    lock.unlock();
    for (std::thread& thread : threads) thread.join();
    return good_;
  }

 private:
  void work_as(std::uint32_t writer, std::uint32_t generation) {
    Worker worker(run_, db_, assignment_of(run_, writer), worker_seed(run_, writer, generation));
    const bool good = worker.work();
    const std::lock_guard lock(mutex_);
    good_ = good_ && good;
    ++ended_;
    changed_.notify_one();
  }

  const Run& run_;
  Db& db_;
  const std::uint32_t slot_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint32_t ended_ = 0;
  bool good_ = true;
};

int fail(const Run& run, const Status& status) {
  run.state.report_failure(status);
  return 1;
}

int close(const Run& run, Db& db, bool good) {
  if (Status status = db.close(); !status.ok()) return fail(run, status);
  return good ? 0 : 1;
}

}  // namespace

Options database_options(const Settings& settings) {
  Options options;
  options.durability = settings.durability;
  options.handover = settings.handover;
  // Of opening; each write says its own, which may be no time at all.
  options.wait.deadline = std::max(options.wait.deadline, settings.deadline);
  options.label = "tidelock-agent";
  return options;
}

int prepare_database(const Run& run) {
  Options options = database_options(run.settings);
  options.mode = OpenMode::kCreateIfMissing;
  if (run.settings.memtable_size != 0) options.fixed.memtable_size = run.settings.memtable_size;
  Result<Db> db = Db::open(run.settings.directory, options);
  if (!db) return fail(run, db.error());
  bool good = true;
  if (run.settings.preload) {
    const Assignment all{
        .writer = run.preloader(), .operations = run.keys.count(), .keys = KeyOrder::kSequential};
    good = Worker(run, *db, all, run.settings.seed).work();
  }
  return close(run, *db, good);
}

int run_client(const Run& run, std::uint32_t slot, std::uint32_t generation) {
  WriterStats& first = run.state.writers()[slot * run.settings.threads];
  Result<Db> db = [&] {
    const CallTimer call(first);
    return Db::open(run.settings.directory, database_options(run.settings));
  }();
  if (!db) return fail(run, db.error());
  // Order matters to nobody: the supervisor waits for a number, the client for a flag.
  run.state.opened().fetch_add(1, std::memory_order_relaxed);
  while (!run.state.go().load(std::memory_order_relaxed) &&
         !run.state.stop().load(std::memory_order_relaxed)) {
    std::this_thread::sleep_for(1ms);
  }
  const bool good = Crew(run, *db, slot).work(generation);
  return close(run, *db, good);
}

}  // namespace tidelock::agent
