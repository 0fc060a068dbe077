// Compares ways to share one lock between processes, in one run: the lock queue bounded and strict,
// and a robust process-shared pthread mutex.
//   lock_bench [PROCESSES [SECONDS [THINK_US [ROUNDS]]]]
#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/child_process.h"
#include "support/lock_site.h"
#include "support/temporary_directory.h"

namespace tidelock::lock {
namespace {

using std::chrono::nanoseconds;

struct alignas(128) Tally {
  std::uint64_t operations = 0;
  std::uint64_t longest_wait_ns = 0;
};

struct Shared {
  std::atomic<std::uint32_t> ready{0};
  std::atomic<bool> go{false};
  std::atomic<bool> stop{false};
  alignas(128) pthread_mutex_t mutex;
  alignas(128) std::uint64_t protected_data[16];
  Tally tallies[256];
};

Shared* map_shared() {
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  auto* shared = new (memory) Shared;
  pthread_mutexattr_t attributes;
  ::pthread_mutexattr_init(&attributes);
  ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  ::pthread_mutex_init(&shared->mutex, &attributes);
  return shared;
}

// About 0.35 us of dependent stores.
void critical_section(Shared& shared) {
  for (int round = 0; round < 40; ++round) {
    auto& word = *reinterpret_cast<volatile std::uint64_t*>(&shared.protected_data[round % 16]);
    word = word * 3 + 1;
  }
}

void think(nanoseconds time) {
  if (time.count() == 0) return;
  const auto end = os::monotonic_now() + time;
  while (os::monotonic_now() < end) {
  }
}

using WithLock = std::function<void(const std::function<void()>&)>;

void client(Shared& shared, Tally& tally, nanoseconds think_time, const WithLock& with_lock) {
  shared.ready.fetch_add(1);
  while (!shared.go.load(std::memory_order_acquire)) os::sleep_for(std::chrono::milliseconds(1));
  while (!shared.stop.load(std::memory_order_relaxed)) {
    const nanoseconds before = os::monotonic_now();
    with_lock([&] {
      const auto waited = static_cast<std::uint64_t>((os::monotonic_now() - before).count());
      tally.longest_wait_ns = std::max(tally.longest_wait_ns, waited);
      critical_section(shared);
      ++tally.operations;
    });
    think(think_time);
  }
}

int run_queue(const std::string& path, Shared& shared, Tally& tally, nanoseconds think_time,
              Handover handover) {
  test::LockSite site(path);
  auto queue = Queue::attach(site.site(), handover, "bench").value();
  client(shared, tally, think_time, [&](const std::function<void()>& body) {
    auto guard = queue->acquire(Wait::Policy::kQueue, {}, os::Deadline::never());
    if (!guard) std::abort();
    body();
  });
  return 0;
}

int run_mutex(Shared& shared, Tally& tally, nanoseconds think_time) {
  client(shared, tally, think_time, [&](const std::function<void()>& body) {
    if (::pthread_mutex_lock(&shared.mutex) == EOWNERDEAD) std::abort();
    body();
    ::pthread_mutex_unlock(&shared.mutex);
  });
  return 0;
}

void report(const char* name, const Shared& shared, int processes, double seconds) {
  double sum = 0;
  double squares = 0;
  std::uint64_t longest = 0;
  for (int i = 0; i < processes; ++i) {
    const auto operations = static_cast<double>(shared.tallies[i].operations);
    sum += operations;
    squares += operations * operations;
    longest = std::max(longest, shared.tallies[i].longest_wait_ns);
  }
  std::printf("%-14s %10.0f operations/s  Jain %.3f  longest wait %7.2f ms\n", name, sum / seconds,
              sum * sum / (processes * squares), static_cast<double>(longest) / 1e6);
}

void measure(const char* name, int processes, double seconds, nanoseconds think_time) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.file("queue");
  { test::LockSite layout(path, kRingEntriesMax); }
  Shared* shared = map_shared();
  std::vector<std::unique_ptr<test::ChildProcess>> children;
  for (int i = 0; i < processes; ++i) {
    children.push_back(std::make_unique<test::ChildProcess>([&, i] {
      Tally& tally = shared->tallies[i];
      const std::string kind = name;
      if (kind == "robust mutex") return run_mutex(*shared, tally, think_time);
      return run_queue(path, *shared, tally, think_time,
                       kind == "strict" ? Handover::kStrict : Handover::kBounded);
    }));
  }
  while (shared->ready.load() < static_cast<std::uint32_t>(processes)) {
    os::sleep_for(std::chrono::milliseconds(1));
  }
  const nanoseconds start = os::monotonic_now();
  shared->go.store(true);
  os::sleep_for(nanoseconds(static_cast<std::int64_t>(seconds * 1e9)));
  shared->stop.store(true);
  const double took = static_cast<double>((os::monotonic_now() - start).count()) / 1e9;
  for (auto& child : children) child->wait();
  report(name, *shared, processes, took);
  ::munmap(shared, sizeof(Shared));
}

void measure_uncontended() {
  const test::TemporaryDirectory directory;
  test::LockSite site(directory.file("queue"), kRingEntriesMax);
  auto queue = Queue::attach(site.site(), Handover::kBounded, "bench").value();
  Shared* shared = map_shared();
  constexpr int kRounds = 3'000'000;
  const os::Deadline deadline = os::Deadline::never();
  nanoseconds start = os::monotonic_now();
  for (int i = 0; i < kRounds; ++i) (void)queue->acquire(Wait::Policy::kQueue, {}, deadline);
  const double ours = static_cast<double>((os::monotonic_now() - start).count()) / kRounds;
  start = os::monotonic_now();
  for (int i = 0; i < kRounds; ++i) {
    ::pthread_mutex_lock(&shared->mutex);
    ::pthread_mutex_unlock(&shared->mutex);
  }
  const double theirs = static_cast<double>((os::monotonic_now() - start).count()) / kRounds;
  std::printf("uncontended acquire and release: lock queue %.1f ns, robust mutex %.1f ns\n", ours,
              theirs);
  ::munmap(shared, sizeof(Shared));
}

}  // namespace
}  // namespace tidelock::lock

int main(int argc, char** argv) {
  const int processes = argc > 1 ? std::clamp(std::atoi(argv[1]), 1, 256) : 16;
  const double seconds = argc > 2 ? std::atof(argv[2]) : 2;
  const std::chrono::microseconds think_time(argc > 3 ? std::atoi(argv[3]) : 0);
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 1;
  tidelock::lock::measure_uncontended();
  for (int round = 0; round < rounds; ++round) {
    for (const char* name : {"bounded", "strict", "robust mutex"}) {
      tidelock::lock::measure(name, processes, seconds, think_time);
    }
  }
}
