// How long a wait may take, and whom it may serve first: deadlines, the bound on bypasses, crowds.
// What may never happen is asserted of every wait; how late the machine may be, of the best of a
// few attempts, for others may want it too.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "lock/queue.h"
#include "lock/ring.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/lock_site.h"
#include "support/processor.h"
#include "support/seed.h"
#include "support/shared_value.h"
#include "support/temporary_directory.h"

namespace tidelock::lock {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using test::kept_off_the_processor;

constexpr Wait kPatient{.deadline = milliseconds(60'000)};
constexpr Wait kFailFast{.policy = Wait::Policy::kFailFast};
constexpr int kAttempts = 5;

double in_ms(std::int64_t ns) {
  return static_cast<double>(ns) / 1e6;
}

// Times that processes add to, in shared memory.
struct Times {
  std::atomic<std::size_t> count{0};
  std::array<std::atomic<std::int64_t>, 1 << 16> ns{};

  void add(nanoseconds time) {
    const std::size_t at = count.fetch_add(1);
    if (at < ns.size()) ns[at].store(time.count());
  }
  // Sorted; not empty.
  [[nodiscard]] std::vector<std::int64_t> sorted() const {
    std::vector<std::int64_t> all{0};
    for (std::size_t i = 0; i < std::min(count.load(), ns.size()); ++i) all.push_back(ns[i].load());
    std::ranges::sort(all);
    return all;
  }
};

std::int64_t percentile(const std::vector<std::int64_t>& sorted, std::size_t percent) {
  return sorted[(sorted.size() - 1) * percent / 100];
}

void stay_busy(nanoseconds time) {
  const nanoseconds end = os::monotonic_now() + time;
  while (os::monotonic_now() < end) {
  }
}

// What the first waiter of a lock that is asked for leaves behind: who must be the next holder.
struct Will {
  std::atomic<std::uint64_t> heir{0};  // 1 + slot; 0: anybody
  std::atomic<std::uint64_t> lapses{0};
  std::atomic<std::uint64_t> kept{0};
  std::atomic<std::uint64_t> broken{0};
};

struct Board {
  std::atomic<std::uint32_t> ready{0};
  std::atomic<std::uint32_t> served{0};
  std::atomic<bool> go{false};
  std::atomic<bool> stop{false};
  std::atomic<std::uint32_t> early{0};
  std::atomic<std::int64_t> last_entry_ns{0};
  Times times;
  Will will;
};

class WaitingTest : public testing::TestWithParam<Handover> {
 protected:
  using Body = std::function<void(Queue& queue, std::uint32_t self)>;
  using Children = std::vector<std::unique_ptr<test::ChildProcess>>;

  // Attached children that begin together.
  Children start(std::uint32_t processes, const Body& body) {
    board_->ready.store(0);
    board_->go.store(false);
    board_->stop.store(false);
    Children children;
    for (std::uint32_t i = 0; i < processes; ++i) {
      children.push_back(std::make_unique<test::ChildProcess>([this, i, &body] {
        test::LockSite site(path_);
        const auto queue = Queue::attach(site.site(), GetParam(), "child").value();
        board_->ready.fetch_add(1);
        while (!board_->go.load()) os::sleep_for(milliseconds(1));
        body(*queue, i);
        return 0;
      }));
    }
    EXPECT_TRUE(test::comes_true([&] { return board_->ready.load() == processes; }));
    board_->go.store(true);
    return children;
  }
  static void join(Children& children) {
    for (auto& child : children) EXPECT_TRUE(test::exited_with(child->wait(), 0));
  }

  // Waits again and again with deadlines up to `longest`, and notes how late it was told that they
  // had passed; or how late it was served, which is no better.
  void wait_with_deadlines(Queue& queue, std::uint64_t seed, milliseconds longest, int waits) {
    std::mt19937_64 random(seed);
    for (int i = 0; i < waits; ++i) {
      Wait wait{.deadline = milliseconds(random() % (longest.count() + 1))};
      if (random() % 4 == 0) wait.policy = Wait::Policy::kBackoff;
      const nanoseconds start = os::monotonic_now();
      const Result<Guard> guard = queue.acquire(wait);
      const nanoseconds late = os::monotonic_now() - start - wait.deadline;
      if (!guard && late.count() < 0) board_->early.fetch_add(1);
      if (late.count() >= 0) board_->times.add(late);
      if (guard) stay_busy(microseconds(200));
    }
  }

  // The 99th percentile, in the best of a few attempts, of the lateness of `waiters` processes.
  std::int64_t lateness_p99(std::uint32_t waiters, int waits, nanoseconds good_enough) {
    const std::uint64_t seed = test::random_seed();
    std::int64_t best = INT64_MAX;
    for (int attempt = 0; attempt < kAttempts && best > good_enough.count(); ++attempt) {
      board_->times.count.store(0);
      Children children = start(waiters, [&](Queue& queue, std::uint32_t self) {
        wait_with_deadlines(queue, seed + self, milliseconds(12), waits);
      });
      join(children);
      const std::vector<std::int64_t> late = board_->times.sorted();
      EXPECT_GT(late.size(), 100u) << "hardly any deadline passed";
      std::printf("%zu waits of %u processes ended late: median %.2f, p99 %.2f, longest %.2f ms\n",
                  late.size(), waiters, in_ms(percentile(late, 50)), in_ms(percentile(late, 99)),
                  in_ms(late.back()));
      best = std::min(best, percentile(late, 99));
    }
    return best;
  }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.file("queue");
  test::LockSite layout_{path_, kRingEntriesMax};
  test::SharedValue<Board> board_;
};

// The aim is 5 ms on an idle machine.
TEST_P(WaitingTest, EndsAtItsDeadlineNeverEarlyAndHardlyLate) {
  test::LockSite site(path_);
  const auto holder = Queue::attach(site.site(), GetParam(), "holder").value();
  const Result<Guard> guard = holder->acquire({});
  EXPECT_LE(lateness_p99(6, 60, milliseconds(5)), nanoseconds(milliseconds(25)).count());
  EXPECT_EQ(board_->early.load(), 0u);
}

// The aim is 100 ms.
TEST_P(WaitingTest, EndsAtItsDeadlineAlsoAmongManyThatAreBusy) {
  EXPECT_LE(lateness_p99(32, 60, milliseconds(100)), nanoseconds(milliseconds(400)).count());
  EXPECT_EQ(board_->early.load(), 0u);
}

// Each holder looks, before it releases, whether the hand-over has been asked for, and who is
// first; nobody else may be the next holder. Nothing is expected if somebody has lapsed: it had its
// turn.
TEST_P(WaitingTest, ServesTheFirstAndNobodyElseOnceThatHasAsked) {
  Will& will = board_->will;
  const auto take_part = [&](Queue& queue, std::uint32_t self) {
    QueueFile& file = layout_.file();
    Ring ring(file);
    for (std::uint32_t i = 0; !board_->stop.load(); ++i) {
      const Result<Guard> guard = queue.acquire(self % 4 == 0 && i % 2 == 0 ? kFailFast : kPatient);
      if (!guard) continue;
      const std::uint64_t heir = will.heir.exchange(0);
      if (heir != 0 && file.statistics.lapses.load() == will.lapses.load()) {
        (heir == queue.self().slot + 1 ? will.kept : will.broken).fetch_add(1);
      }
      stay_busy(microseconds(i % 32));
      const std::uint64_t lapses = file.statistics.lapses.load();
      const LockWord word{file.lock.word.load()};
      const auto first = ring.first_waiting();
      const bool asked =
          word.has_waiters() && (word.handover_wanted() || GetParam() == Handover::kStrict);
      if (!asked || !first || first->ticket != ring.head()) continue;
      will.lapses.store(lapses);
      will.heir.store(first->entry.slot() + 1);
    }
  };
  Children children = start(12, take_part);
  os::sleep_for(milliseconds(800));
  board_->stop.store(true);
  join(children);
  std::printf("%llu times the first was served as it had asked, %llu lapses\n",
              static_cast<unsigned long long>(will.kept.load()),
              static_cast<unsigned long long>(layout_.file().statistics.lapses.load()));
  EXPECT_EQ(will.broken.load(), 0u);
  EXPECT_GT(will.kept.load(), 20u);
}

// This process stays on the n-th of the processors that it may use, if there are so many.
void stay_on_processor(int n) {
  cpu_set_t all;
  cpu_set_t chosen;
  CPU_ZERO(&chosen);
  if (::sched_getaffinity(0, sizeof all, &all) != 0) return;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &all) && n-- == 0) CPU_SET(cpu, &chosen);
  }
  if (CPU_COUNT(&chosen) != 0) ::sched_setaffinity(0, sizeof chosen, &chosen);
}

// One waits, another takes the lock again as soon as it has released it. What counts is when that
// got it last, from when the one began to wait. Waits say nothing in which the one, who ought to
// have asked, was kept off the processor, or the other while it took the lock or noted the time.
TEST_P(WaitingTest, IsNotBypassedByAnybodyWhoComesLaterThanTheBound) {
  if (GetParam() == Handover::kStrict) return;  // no bypass at all: the test before
  constexpr nanoseconds kBound = microseconds(500);
  constexpr nanoseconds kDisturbance = microseconds(50);
  constexpr int kWaits = 400;
  const auto bypass = [&](Queue& queue) {
    while (!board_->stop.load()) {
      const nanoseconds tried = os::monotonic_now();
      const Result<Guard> guard = queue.acquire(kFailFast);
      if (!guard) continue;
      const nanoseconds entered = os::monotonic_now();
      board_->last_entry_ns.store(entered - tried < kDisturbance ? entered.count() : 0);
      stay_busy(microseconds(50));
    }
  };
  const auto wait = [&](Queue& queue) {
    const nanoseconds delayed = kept_off_the_processor();
    const std::int64_t began_ns = os::monotonic_now().count();
    const Result<Guard> guard = queue.acquire(kPatient);
    const std::int64_t bypassed_ns = board_->last_entry_ns.load();
    if (kept_off_the_processor() - delayed > kDisturbance || bypassed_ns == 0) return;
    if (bypassed_ns > began_ns) board_->times.add(nanoseconds(bypassed_ns - began_ns));
  };
  std::int64_t best = INT64_MAX;
  for (int attempt = 0; attempt < kAttempts && best > kBound.count() * 3 / 2; ++attempt) {
    board_->times.count.store(0);
    Children children = start(2, [&](Queue& queue, std::uint32_t self) {
      stay_on_processor(static_cast<int>(self));
      if (self != 0) return bypass(queue);
      for (int i = 0; i < kWaits; ++i) {
        wait(queue);
        os::sleep_for(microseconds(200));
      }
      board_->stop.store(true);
    });
    join(children);
    const std::vector<std::int64_t> last = board_->times.sorted();
    std::printf("last bypass in %zu waits: median %.3f, p90 %.3f, p99 %.3f, latest %.3f ms\n",
                last.size(), in_ms(percentile(last, 50)), in_ms(percentile(last, 90)),
                in_ms(percentile(last, 99)), in_ms(last.back()));
    if (last.size() > kWaits / 10) best = std::min(best, percentile(last, 99));
  }
  if (best == INT64_MAX) std::printf("not measured: others kept the processors\n");
  EXPECT_TRUE(best == INT64_MAX || best <= (2 * kBound).count()) << in_ms(best) << " ms";
}

// Threads of 32 processes wait, more than the ring has entries.
class CrowdTest : public WaitingTest {
 protected:
  static constexpr std::uint32_t kProcesses = 32;
  static constexpr std::uint32_t kThreads = 136;  // of each

  Children start_crowd() {
    Children children = start(kProcesses, [this](Queue& queue, std::uint32_t) {
      std::vector<std::thread> threads;
      for (std::uint32_t i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
          if (queue.acquire(kPatient)) board_->served.fetch_add(1);
        });
      }
      for (std::thread& thread : threads) thread.join();
    });
    const QueueFile& file = layout_.file();
    EXPECT_TRUE(
        test::comes_true([&] { return file.tail.load() - file.head.load() == kRingEntriesMax; }));
    return children;
  }
  void expect_served(std::uint32_t waiters, nanoseconds since) const {
    std::printf("%u waiters served in %.0f ms\n", board_->served.load(),
                in_ms((os::monotonic_now() - since).count()));
    EXPECT_EQ(board_->served.load(), waiters);
    EXPECT_TRUE(holder_->info().value().waiters.empty());
  }

  test::LockSite site_{path_};
  std::unique_ptr<Queue> holder_ = Queue::attach(site_.site(), GetParam(), "holder").value();
};

TEST_P(CrowdTest, LargerThanTheRingIsServedInTheEnd) {
  Result<Guard> guard = holder_->acquire({});
  Children children = start_crowd();
  EXPECT_EQ(holder_->info().value().waiters.size(), kRingEntriesMax);
  const nanoseconds released_at = os::monotonic_now();
  guard->release();
  join(children);
  expect_served(kProcesses * kThreads, released_at);
}

TEST_P(CrowdTest, LargerThanTheRingMayDieAndIsNotInTheWayOfTheRest) {
  Result<Guard> guard = holder_->acquire({});
  Children children = start_crowd();
  for (std::uint32_t i = 1; i < kProcesses; ++i) children[i]->send(SIGKILL);
  for (std::uint32_t i = 1; i < kProcesses; ++i) {
    EXPECT_TRUE(test::killed_by(children[i]->wait(), SIGKILL));
  }
  children.resize(1);
  const nanoseconds released_at = os::monotonic_now();
  guard->release();
  join(children);
  expect_served(kThreads, released_at);
  EXPECT_LT(os::monotonic_now() - released_at, milliseconds(5'000));
}

std::string handover_name(const testing::TestParamInfo<Handover>& given) {
  return given.param == Handover::kBounded ? "Bounded" : "Strict";
}

constexpr Handover kHandovers[] = {Handover::kBounded, Handover::kStrict};

INSTANTIATE_TEST_SUITE_P(Handover, WaitingTest, testing::ValuesIn(kHandovers), handover_name);
INSTANTIATE_TEST_SUITE_P(Handover, CrowdTest, testing::ValuesIn(kHandovers), handover_name);

}  // namespace
}  // namespace tidelock::lock
