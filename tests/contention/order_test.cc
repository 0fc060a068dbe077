// Real processes on one lock: exclusion, order, fairness.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "contention/guarded_data.h"
#include "lock/queue.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/lock_site.h"
#include "support/shared_value.h"
#include "support/temporary_directory.h"

namespace tidelock::lock {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t kProcessesMax = 16;

struct Board {
  GuardedData data;
  std::atomic<std::uint32_t> ready{0};
  std::atomic<bool> go{false};
  std::atomic<bool> stop{false};
  std::array<std::atomic<std::uint64_t>, kProcessesMax> acquired{};
  std::array<std::atomic<std::uint64_t>, kProcessesMax> longest_wait_us{};
  std::array<std::atomic<std::uint32_t>, kProcessesMax> order{};
  std::atomic<std::uint32_t> served{0};
};

using Children = std::vector<std::unique_ptr<test::ChildProcess>>;

class ProcessesTest : public testing::TestWithParam<Handover> {
 protected:
  // What a child does over and over until told to stop: returns 0 if no acquisition ever failed.
  int compete(std::uint32_t self, const Wait& wait) {
    test::LockSite site(path_);
    auto queue = Queue::attach(site.site(), GetParam(), "child").value();
    board_->ready.fetch_add(1);
    while (!board_->go.load()) os::sleep_for(milliseconds(1));
    while (!board_->stop.load()) {
      const auto start = os::monotonic_now();
      Result<Guard> guard = queue->acquire(wait);
      if (!guard) return 1;
      const auto waited =
          std::chrono::duration_cast<std::chrono::microseconds>(os::monotonic_now() - start);
      auto& longest = board_->longest_wait_us[self];
      longest.store(std::max(longest.load(), static_cast<std::uint64_t>(waited.count())));
      board_->data.visit(*guard, self);
      board_->acquired[self].fetch_add(1);
    }
    return 0;
  }

  void run(std::uint32_t processes, milliseconds time, const Wait& wait) {
    Children children;
    for (std::uint32_t i = 0; i < processes; ++i) {
      children.push_back(
          std::make_unique<test::ChildProcess>([this, i, &wait] { return compete(i, wait); }));
    }
    ASSERT_TRUE(test::comes_true([&] { return board_->ready.load() == processes; }));
    board_->go.store(true);
    os::sleep_for(time);
    board_->stop.store(true);
    for (auto& child : children) EXPECT_TRUE(test::exited_with(child->wait(), 0));
  }

  void expect_exclusion(std::uint32_t processes) {
    EXPECT_EQ(board_->data.violations.load(), 0u);
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < processes; ++i) sum += board_->acquired[i].load();
    EXPECT_EQ(board_->data.count.load(), sum);
    EXPECT_GT(sum, 0u);
    test::LockSite site(path_);
    const auto queue = Queue::attach(site.site(), GetParam(), "").value();
    EXPECT_EQ(queue->info().value().word, LockInfo::Word::kFree);
    EXPECT_TRUE(queue->info().value().waiters.empty());
  }

  void serve_eight_in_order() {
    board_->served.store(0);
    test::LockSite site(path_);
    const auto queue = Queue::attach(site.site(), GetParam(), "parent").value();
    Result<Guard> guard = queue->acquire({});
    Children children;
    for (std::uint32_t i = 0; i < 8; ++i) {
      children.push_back(std::make_unique<test::ChildProcess>([this, i] {
        test::LockSite mine(path_);
        auto own = Queue::attach(mine.site(), GetParam(), "child").value();
        const Result<Guard> got = own->acquire({.deadline = milliseconds(60'000)});
        if (!got) return 1;
        board_->order[board_->served.fetch_add(1)].store(i);
        return 0;
      }));
      ASSERT_TRUE(test::comes_true([&] { return queue->info().value().waiters.size() == i + 1; }));
    }
    // By then the first waiting has asked for the hand-over, bounded or not.
    os::sleep_for(milliseconds(5));
    guard->release();
    for (auto& child : children) EXPECT_TRUE(test::exited_with(child->wait(), 0));
  }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.file("queue");
  test::LockSite layout_{path_, 8};  // more processes than entries
  test::SharedValue<Board> board_;
};

TEST_P(ProcessesTest, ExcludeEachOther) {
  run(12, milliseconds(1'500), {.deadline = milliseconds(60'000)});
  expect_exclusion(12);
}

TEST_P(ProcessesTest, ExcludeEachOtherWhileTheyRetryWithBackoff) {
  run(8, milliseconds(1'000),
      {.policy = Wait::Policy::kBackoff,
       .deadline = milliseconds(60'000),
       .backoff = {.base = std::chrono::microseconds(20), .cap = milliseconds(2)}});
  expect_exclusion(8);
}

TEST_P(ProcessesTest, GetTheirFairShare) {
  constexpr std::uint32_t kProcesses = 8;
  run(kProcesses, milliseconds(2'000), {.deadline = milliseconds(60'000)});
  double sum = 0;
  double squares = 0;
  std::uint64_t longest = 0;
  for (std::uint32_t i = 0; i < kProcesses; ++i) {
    const auto acquired = static_cast<double>(board_->acquired[i].load());
    sum += acquired;
    squares += acquired * acquired;
    longest = std::max(longest, board_->longest_wait_us[i].load());
  }
  const double jain = sum * sum / (kProcesses * squares);
  std::printf("%.0f acquisitions/s, Jain %.3f, longest wait %.1f ms\n", sum / 2, jain,
              static_cast<double>(longest) / 1000);
  EXPECT_GE(jain, 0.8);
}

// On a busy machine a waiter may not get to run for so long that it is passed over (Q6). Order is
// promised to those who are not: a round with a lapse proves nothing and is repeated.
TEST_P(ProcessesTest, AreServedInOrderOfArrival) {
  const auto lapses = [this] { return layout_.file().statistics.lapses.load(); };
  std::uint64_t lapses_before = 0;
  do {
    lapses_before = lapses();
    serve_eight_in_order();
  } while (lapses() != lapses_before && !HasFailure());
  for (std::uint32_t i = 0; i < 8; ++i) EXPECT_EQ(board_->order[i].load(), i);
}

INSTANTIATE_TEST_SUITE_P(Handover, ProcessesTest,
                         testing::Values(Handover::kBounded, Handover::kStrict),
                         [](const auto& given) {
                           return given.param == Handover::kBounded ? "Bounded" : "Strict";
                         });

}  // namespace
}  // namespace tidelock::lock
