// A member dies, and tidelock-lockd gets the queue moving.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "lockd/kept_database.h"
#include "os/crash_point.h"

namespace tidelock {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

class LockdDeathTest : public test::KeptDatabaseTest {
 protected:
  // From the moment when the kernel lets go of a dead holder's byte until the next one holds the
  // lock. `before_kill` runs while the next one waits.
  template <typename Prepare>
  nanoseconds time_to_next(const Prepare& before_kill) {
    test::ChildProcess child = hold();
    auto watcher = lsm::Engine::open(path(), client()).value();
    auto waiter = lsm::Engine::open(path(), client()).value();
    nanoseconds got_it{0};
    std::thread thread([&] {
      auto guard = waiter->context().queue->acquire(Wait{});
      got_it = os::monotonic_now();
      EXPECT_TRUE(guard);
    });
    EXPECT_TRUE(test::comes_true([&] { return watcher->lock_info().value().waiters.size() == 1; }));
    before_kill(child);
    child.send(SIGKILL);
    while (watcher->context().queue->alive(holder())) {
    }
    const nanoseconds died = os::monotonic_now();
    thread.join();
    return std::max(got_it - died, nanoseconds(0));
  }

  // The same for one that the lock was offered to, and that was stopped before it took it.
  template <typename Prepare>
  nanoseconds time_past_the_offered(const Prepare& before_kill) {
    auto next = lsm::Engine::open(path(), client()).value();
    test::ChildProcess child = hold(Handover::kStrict);
    test::ChildProcess offered([&] {
      Options options = client();
      options.label = "offered";
      auto engine = lsm::Engine::open(path(), options).value();
      os::arm_crash_point("lock.sleep_announced", 1, SIGSTOP);
      return engine->context().queue->acquire(Wait{}) ? 0 : 1;
    });
    offered.wait_for_stop();
    before_kill(offered);
    acts_->let_go = true;
    EXPECT_TRUE(test::exited_with(child.wait(), 0));
    EXPECT_EQ(next->lock_info().value().word, LockInfo::Word::kOffered);
    offered.send(SIGKILL);
    EXPECT_TRUE(test::killed_by(offered.wait(), SIGKILL));
    const nanoseconds died = os::monotonic_now();
    EXPECT_TRUE(next->context().queue->acquire(Wait{}));
    return os::monotonic_now() - died;
  }

  // Medians without and with a daemon; the one that dies has this label.
  template <typename Measure>
  void compare(const std::string& label, const Measure& measure) {
    std::vector<nanoseconds> alone;
    for (int round = 0; round < 15; ++round) alone.push_back(measure([](const auto&) {}));
    const test::Lockd lockd = keep();
    std::vector<nanoseconds> kept;
    for (int round = 0; round < 41; ++round) {
      kept.push_back(measure(
          [&](const test::ChildProcess& child) { EXPECT_TRUE(lockd.watches(child.pid())); }));
    }
    std::printf(
        "from death (%s) to the next holder: median %.2f ms, longest %.2f ms; without "
        "%.2f ms\n",
        label.c_str(), in_ms(median(kept)), in_ms(*std::max_element(kept.begin(), kept.end())),
        in_ms(median(alone)));
    EXPECT_LT(median(kept), milliseconds(2));
    EXPECT_LT(median(kept), median(alone));
    EXPECT_TRUE(lockd.says("a member died database=" + path()));
    EXPECT_TRUE(lockd.says("label=" + label));
  }

  static nanoseconds median(std::vector<nanoseconds> times) {
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  }
  static double in_ms(nanoseconds time) { return static_cast<double>(time.count()) / 1e6; }
};

TEST_F(LockdDeathTest, OfTheHolderLetsTheNextOneInWithinTwoMilliseconds) {
  const Db db = open(client());
  compare("holder", [this](const auto& seen) { return time_to_next(seen); });
}

// Nobody waits, nobody writes; the dead one's commit is finished all the same.
TEST_F(LockdDeathTest, InTheMiddleOfACommitIsMendedThoughNobodyWaits) {
  const Db db = open(client());
  const test::Lockd lockd = keep_with_metrics();
  for (const char* point : {"commit.begun", "commit.published", "commit.inserted"}) {
    acts_->let_go = false;
    test::ChildProcess child([&] {
      Db own = open(client());
      if (!test::comes_true([this] { return acts_->let_go.load(); })) return 2;
      os::arm_crash_point(point, 1, SIGKILL);
      (void)own.put(point, "v");
      return 1;
    });
    EXPECT_TRUE(lockd.watches(child.pid()));
    acts_->let_go = true;
    EXPECT_TRUE(test::killed_by(child.wait(), SIGKILL));
    EXPECT_TRUE(test::comes_true([&] {
      const LockInfo info = db.lock_info().value();
      return info.word == LockInfo::Word::kFree && !info.inconsistent;
    }));
  }
  EXPECT_TRUE(lockd.says("recovered the lock of a dead holder", 3));
  EXPECT_TRUE(test::comes_true([&] { return metric("tidelock_lockd_deaths_total") == 3; }));
  EXPECT_EQ(metric("tidelock_lockd_recoveries_total"), 3);
  EXPECT_EQ(metric("tidelock_lock_recoveries_total"), 3);
  EXPECT_EQ(metric("tidelock_lock_held_seconds"), 0);
}

TEST_F(LockdDeathTest, OfTheOneTheLockIsOfferedToLetsTheNextOneInAsSoon) {
  const Db db = open(client());
  compare("offered", [this](const auto& seen) { return time_past_the_offered(seen); });
}

// A closing member is no dead one.
TEST_F(LockdDeathTest, IsNotWhatAnOrderlyEndIsTakenFor) {
  const Db db = open(client());
  const test::Lockd lockd = keep_with_metrics();
  test::ChildProcess child = hold();
  EXPECT_TRUE(lockd.watches(child.pid()));
  acts_->let_go = true;
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
  EXPECT_TRUE(test::comes_true([&] { return metric("tidelock_members") == 2; }));
  EXPECT_EQ(metric("tidelock_lockd_deaths_total"), 0);
}

}  // namespace
}  // namespace tidelock
