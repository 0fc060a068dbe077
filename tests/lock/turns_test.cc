#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lock/queue.h"
#include "lock/ring.h"
#include "support/lock_site.h"
#include "support/temporary_directory.h"

// To whom a release passes the lock, when the waiters are there but do not come to run.
namespace tidelock::lock {
namespace {

class TurnsTest : public testing::Test {
 protected:
  struct Attached {
    std::unique_ptr<test::LockSite> site;
    std::unique_ptr<Queue> queue;
    Identity identity;

    // Whether it got the lock at once, as it does unless that is held or offered.
    [[nodiscard]] bool takes_a_turn() const {
      return bool(queue->acquire(Wait::Policy::kFailFast, {}, os::Deadline::after({})));
    }
  };

  Attached attach() {
    Attached attached;
    attached.site = std::make_unique<test::LockSite>(path_);
    attached.queue = Queue::attach(attached.site->site(), Handover::kBounded, "").value();
    const std::uint32_t slot = layout_.file().slots_used.load() - 1;
    attached.identity = {slot, layout_.file().members[slot].generation.load()};
    return attached;
  }

  // An attachment in the queue that announced to sleep, and does nothing about being woken.
  Waiting sleeper() {
    sleepers_.push_back(attach());
    const Identity owner = sleepers_.back().identity;
    const std::uint64_t ticket = ring_.claim(owner).ticket;
    ring_.announce(ticket, Sleep::kAsleep);
    layout_.file().lock.word.fetch_or(LockWord::kHasWaiters);
    return *ring_.next_waiting(ticket - 1);
  }

  [[nodiscard]] LockWord word() { return {layout_.file().lock.word.load()}; }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.file("queue");
  test::LockSite layout_{path_, 16};
  Ring ring_{layout_.file()};
  std::vector<Attached> sleepers_;
};

TEST_F(TurnsTest, OneMemberGivesTheLockUpToAWokenWaiterAfterItsShare) {
  const Attached greedy = attach();
  const Waiting waiter = sleeper();
  int turns = 0;
  while (greedy.takes_a_turn()) ASSERT_LE(++turns, 100);
  EXPECT_TRUE(ring_.is_woken(waiter));
  EXPECT_TRUE(word().offered_to(sleepers_[0].identity, waiter.ticket));
  // Besides its share: the turn whose release woke the waiter, and what else is not in a row.
  EXPECT_GE(turns, 32);
  EXPECT_LE(turns, 35);
}

TEST_F(TurnsTest, OneMemberWakesNobodyBehindAWokenWaiter) {
  const Attached greedy = attach();
  sleeper();
  const Waiting second = sleeper();
  for (int turn = 0; turn < 20; ++turn) ASSERT_TRUE(greedy.takes_a_turn());
  EXPECT_FALSE(ring_.is_woken(second));
}

TEST_F(TurnsTest, MembersThatTakeTurnsKeepTheLockAndWakeOneMoreEach) {
  const Attached one = attach();
  const Attached two = attach();
  std::vector<Waiting> waiters;
  for (int i = 0; i < 12; ++i) waiters.push_back(sleeper());
  for (int turn = 0; turn < 200; ++turn) {
    ASSERT_TRUE((turn % 2 == 0 ? one : two).takes_a_turn()) << turn;
    int woken = 0;
    for (const Waiting& waiter : waiters) woken += ring_.is_woken(waiter) ? 1 : 0;
    EXPECT_EQ(woken, std::min(turn + 1, 9)) << turn;
  }
}

TEST_F(TurnsTest, AWaiterThatIsAwakeIsGivenNothing) {
  const Attached greedy = attach();
  const Waiting waiter = sleeper();
  ring_.announce(waiter.ticket, Sleep::kAwake);
  for (int turn = 0; turn < 200; ++turn) ASSERT_TRUE(greedy.takes_a_turn()) << turn;
}

// A free lock wakes once; if that waiter dies before it runs, nobody else would come.
TEST_F(TurnsTest, AWakeUpThatDiedWithItsWaiterGoesToTheNext) {
  const Attached passer_by = attach();
  const Waiting dead = sleeper();
  const Waiting next = sleeper();
  (void)ring_.wake(dead);
  sleepers_.front().queue.reset();
  EXPECT_FALSE(passer_by.queue->relieve().value());
  EXPECT_FALSE(ring_.still_waiting(dead));
  EXPECT_TRUE(ring_.is_woken(next));
}

TEST_F(TurnsTest, AnOfferToTheDeadIsPassedOnByWhoeverComesBy) {
  const Attached passer_by = attach();
  const Waiting dead = sleeper();
  const Waiting next = sleeper();
  const LockWord offer = LockWord::offered(sleepers_[0].identity, dead.ticket);
  layout_.file().lock.word.store(offer.with(LockWord::kHasWaiters).bits);
  EXPECT_EQ(passer_by.queue->info().value().word, LockInfo::Word::kOffered);
  sleepers_.front().queue.reset();
  EXPECT_FALSE(passer_by.queue->relieve().value());
  EXPECT_TRUE(word().offered_to(sleepers_[1].identity, next.ticket));
}

}  // namespace
}  // namespace tidelock::lock
