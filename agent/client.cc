#include "agent/client.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/call_timer.h"
#include "agent/open_store.h"
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
          .place = {.writer = writer,
                    .writers = settings.writers(),
                    .done = run.state.writers()[writer].done()}};
}

int fail(const Run& run, const Status& status) {
  if (is_expected(run, status)) return 0;
  run.state.report_failure(status);
  return 1;
}

// A worker with a session of its own does `work`.
bool work_with_session(const Run& run, std::unique_ptr<Store>& store, const Assignment& assignment,
                       std::uint64_t seed, bool (Worker::*work)()) {
  Result<std::unique_ptr<Session>> session = wait_for_room(run, [&] { return store->session(); });
  if (session) return (Worker(run, store, *std::move(session), assignment, seed).*work)();
  fail(run, session.error());
  return false;
}

// The writers of one client, each a thread. The client itself sleeps, and looks now and then how
// often the lock made it wait: a client that is killed loses what came since the last look.
class Threads {
 public:
  Threads(const Run& run, std::unique_ptr<Store>& store, std::uint32_t slot)
      : run_(run), store_(store), slot_(slot) {}

  [[nodiscard]] bool work(std::uint32_t generation) {
    const std::uint32_t count = run_.settings.threads;
    Counter& waits = run_.state.slots()[slot_].lock_waits;
    const std::uint64_t waits_before = waits.get();
    // With churn the store is now and then another.
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
      if (queueing) waits.set(waits_before + store_->lock_waits());
    } while (ended_ != count);
    lock.unlock();
    for (std::thread& thread : threads) thread.join();
    return good_;
  }

 private:
  void work_as(std::uint32_t writer, std::uint32_t generation) {
    const bool good = work_with_session(run_, store_, assignment_of(run_, writer),
                                        worker_seed(run_, writer, generation), &Worker::work);
    const std::lock_guard lock(mutex_);
    good_ = good_ && good;
    ++ended_;
    changed_.notify_one();
  }

  const Run& run_;
  std::unique_ptr<Store>& store_;
  const std::uint32_t slot_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint32_t ended_ = 0;
  bool good_ = true;
};

int close(const Run& run, Store& store, bool good) {
  if (Status status = store.close(); !status.ok()) return fail(run, status);
  return good ? 0 : 1;
}

}  // namespace

int prepare_database(const Run& run) {
  StoreOptions options = store_options(run);
  options.create = true;
  Result<std::unique_ptr<Store>> store = run.settings.store->open(options);
  if (!store) return fail(run, store.error());
  bool good = true;
  if (run.settings.preload) {
    good = work_with_session(run, *store, {.writer = run.preloader()}, run.settings.seed,
                             &Worker::preload);
  }
  return close(run, **store, good);
}

int run_client(const Run& run, std::uint32_t slot, std::uint32_t generation) {
  WriterStats& first = run.state.writers()[slot * run.settings.threads];
  Result<std::unique_ptr<Store>> store = wait_for_room(run, [&] {
    const CallTimer call(first);
    return open_store(run);
  });
  if (!store) return fail(run, store.error());
  // Order matters to nobody: the supervisor waits for a number, the client for a flag.
  run.state.opened().fetch_add(1, std::memory_order_relaxed);
  while (!run.state.go().load(std::memory_order_relaxed) &&
         !run.state.stop().load(std::memory_order_relaxed)) {
    std::this_thread::sleep_for(1ms);
  }
  const bool good = Threads(run, *store, slot).work(generation);
  return close(run, **store, good);
}

}  // namespace tidelock::agent
