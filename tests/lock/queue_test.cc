#include "lock/queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "os/directory.h"
#include "os/process.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/lock_site.h"
#include "support/temporary_directory.h"

namespace tidelock::lock {
namespace {

using std::chrono::milliseconds;

constexpr Wait::Policy kQueue = Wait::Policy::kQueue;
constexpr Wait::Policy kFailFast = Wait::Policy::kFailFast;

// Attachments of this process to one queue file, each with an open file of its own as another
// process would have.
class QueueTest : public testing::Test {
 protected:
  struct Attached {
    std::unique_ptr<test::LockSite> site;
    std::unique_ptr<Queue> queue;
    Queue* operator->() const { return queue.get(); }
  };

  Attached attach(const char* label = "", Handover handover = Handover::kBounded) {
    Attached attached;
    attached.site = std::make_unique<test::LockSite>(path_);
    attached.queue = Queue::attach(attached.site->site(), handover, label).value();
    return attached;
  }
  static Result<Guard> acquire(const Attached& who, Wait::Policy policy, milliseconds wait) {
    return who->acquire(policy, {}, os::Deadline::after(wait));
  }
  static bool is_free_for(const Attached& who) { return bool(acquire(who, kFailFast, {})); }

  static std::size_t waiters(const Attached& who) { return who->info().value().waiters.size(); }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.file("queue");
  test::LockSite layout_{path_, 4};
};

TEST_F(QueueTest, ExcludesAnotherAttachmentWhileHeld) {
  const Attached one = attach();
  const Attached two = attach();
  Result<Guard> guard = acquire(one, kQueue, {});
  ASSERT_TRUE(guard);
  EXPECT_FALSE(is_free_for(two));
  guard->release();
  EXPECT_TRUE(is_free_for(two));
  guard->release();  // a second time is nothing
  EXPECT_TRUE(is_free_for(one));
}

TEST_F(QueueTest, ReleasesWhenTheGuardGoes) {
  const Attached one = attach();
  const Attached two = attach();
  { const Result<Guard> guard = acquire(one, kQueue, {}); }
  Result<Guard> guard = acquire(two, kQueue, {});
  ASSERT_TRUE(guard);
  {
    const Guard moved = std::move(*guard);
    guard->release();  // nothing any more
    EXPECT_FALSE(is_free_for(one));
  }
  EXPECT_TRUE(is_free_for(one));
}

TEST_F(QueueTest, TellsAFailFastCallerWhoHoldsIt) {
  const Attached holder = attach("the holder");
  const Attached other = attach();
  const Result<Guard> guard = acquire(holder, kQueue, {});
  os::sleep_for(milliseconds(30));
  const Result<Guard> refused = acquire(other, kFailFast, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), StatusCode::kBusy);
  const BusyInfo* busy = refused.error().busy();
  ASSERT_NE(busy, nullptr);
  EXPECT_EQ(busy->holder_pid, os::process_id());
  EXPECT_EQ(busy->holder_label, "the holder");
  EXPECT_GE(busy->held_for, milliseconds(20));
  EXPECT_EQ(busy->queue_place, 0u);
  EXPECT_NE(refused.error().message().find("(the holder)"), std::string::npos);
}

TEST_F(QueueTest, TimesOutAtItsDeadlineAndNotBefore) {
  for (const Handover handover : {Handover::kBounded, Handover::kStrict}) {
    const Attached holder = attach("h", handover);
    const Attached other = attach("o", handover);
    const Result<Guard> guard = acquire(holder, kQueue, {});
    for (const int wait : {0, 1, 7, 30, 120}) {
      const auto start = os::monotonic_now();
      const Result<Guard> late = acquire(other, kQueue, milliseconds(wait));
      const auto took = os::monotonic_now() - start;
      ASSERT_FALSE(late);
      EXPECT_EQ(late.error().code(), StatusCode::kTimedOut);
      EXPECT_EQ(late.error().busy()->holder_label, "h");
      EXPECT_EQ(late.error().busy()->queue_place, 1u);
      EXPECT_EQ(late.error().busy()->waiters, 1u);
      EXPECT_GE(took, milliseconds(wait));
      EXPECT_LT(took, milliseconds(wait + 2'000));
    }
    EXPECT_EQ(waiters(other), 0u);
  }
}

TEST_F(QueueTest, RetriesWithBackoffUntilTriesOrTimeAreUsedUp) {
  const Attached holder = attach();
  const Attached other = attach();
  Result<Guard> guard = acquire(holder, kQueue, {});
  const Backoff three_tries{.jitter = Backoff::Jitter::kNone,
                            .base = std::chrono::milliseconds(5),
                            .cap = std::chrono::milliseconds(50),
                            .tries = 3};
  auto start = os::monotonic_now();
  Result<Guard> refused =
      other->acquire(Wait::Policy::kBackoff, three_tries, os::Deadline::never());
  EXPECT_EQ(refused.status().code(), StatusCode::kBusy);
  EXPECT_GE(os::monotonic_now() - start, milliseconds(15));
  start = os::monotonic_now();
  refused = other->acquire(Wait::Policy::kBackoff, {}, os::Deadline::after(milliseconds(40)));
  EXPECT_EQ(refused.status().code(), StatusCode::kTimedOut);
  EXPECT_GE(os::monotonic_now() - start, milliseconds(40));
  guard->release();
  EXPECT_TRUE(other->acquire(Wait::Policy::kBackoff, {}, os::Deadline::never()));
}

TEST_F(QueueTest, LetsMoreWaitThanTheRingHasEntries) {
  const Attached holder = attach();
  Result<Guard> guard = acquire(holder, kQueue, {});
  std::atomic<int> served{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 9; ++i) {
    threads.emplace_back([&] {
      const Attached mine = attach();
      if (acquire(mine, kQueue, milliseconds(20'000))) served.fetch_add(1);
    });
  }
  ASSERT_TRUE(test::comes_true([&] { return waiters(holder) == 4; }));
  const Attached late = attach();
  const Result<Guard> refused = acquire(late, kQueue, milliseconds(5));
  EXPECT_EQ(refused.status().code(), StatusCode::kTimedOut);
  EXPECT_EQ(refused.error().busy()->queue_place, 0u);
  EXPECT_GE(refused.error().busy()->waiters, 4u);
  const std::string& message = refused.error().message();
  EXPECT_TRUE(message.ends_with(", and all 4 places of the queue are taken")) << message;
  guard->release();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served.load(), 9);
  EXPECT_EQ(waiters(holder), 0u);
}

TEST_F(QueueTest, ReusesSlotsUnderNewGenerations) {
  Identity first;
  {
    const Attached one = attach();
    first = one->self();
  }
  const Attached two = attach();
  EXPECT_EQ(two->self().slot, first.slot);
  EXPECT_NE(two->self().generation, first.generation);
  EXPECT_FALSE(two->alive(first));
  EXPECT_TRUE(two->alive(two->self()));
  const Attached three = attach();
  EXPECT_NE(three->self().slot, two->self().slot);
  EXPECT_TRUE(two->alive(three->self()));
}

TEST_F(QueueTest, NamesTheLimitWhenAllSlotsAreTaken) {
  test::LockSite hoarder(path_);
  for (std::uint32_t slot = 0; slot < kMemberSlots; ++slot) {
    ASSERT_TRUE(hoarder.locks().try_lock(1024 + slot, os::ByteLocks::Mode::kExclusive).value());
  }
  test::LockSite site(path_);
  const auto refused = Queue::attach(site.site(), Handover::kBounded, "");
  EXPECT_EQ(refused.status().code(), StatusCode::kLimit);
  EXPECT_NE(refused.status().message().find("4096"), std::string::npos);
  hoarder.locks().unlock(1024 + 4095);
  EXPECT_TRUE(Queue::attach(site.site(), Handover::kBounded, ""));
}

TEST_F(QueueTest, ShowsHolderWaitersAndMembers) {
  const Attached holder = attach("holds");
  const Attached waits = attach("waits");
  waits->set_view(17);
  Result<Guard> guard = acquire(holder, kQueue, {});
  std::thread waiter([&] { EXPECT_TRUE(acquire(waits, kQueue, milliseconds(20'000))); });
  ASSERT_TRUE(test::comes_true([&] { return waiters(holder) == 1; }));
  os::sleep_for(milliseconds(5));
  const LockInfo info = waits->info().value();
  EXPECT_EQ(info.word, LockInfo::Word::kHeld);
  EXPECT_EQ(info.holder->label, "holds");
  EXPECT_TRUE(info.holder->alive);
  ASSERT_EQ(info.waiters.size(), 1u);
  EXPECT_EQ(info.waiters[0].label, "waits");
  EXPECT_GE(info.waiters[0].waiting_for, milliseconds(5));
  ASSERT_EQ(info.members.size(), 2u);
  EXPECT_EQ(info.members[1].view, 17u);
  guard->release();
  waiter.join();

  const LockInfo after = holder->info().value();
  EXPECT_EQ(after.word, LockInfo::Word::kFree);
  EXPECT_FALSE(after.holder.has_value());
  EXPECT_EQ(after.members[0].acquired, 1u);
  EXPECT_EQ(after.members[0].waited, 0u);
  EXPECT_EQ(after.members[1].acquired, 1u);
  EXPECT_EQ(after.members[1].waited, 1u);
  EXPECT_GE(after.members[1].longest_wait, milliseconds(5));
  const auto history = holder->info().value().history;
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].slot, waits->self().slot);
  EXPECT_FALSE(history[0].recovered);
  EXPECT_GE(history[0].waited, milliseconds(5));
}

TEST_F(QueueTest, CutsLongLabels) {
  const Attached one = attach(std::string(100, 'x').c_str());
  EXPECT_EQ(one->info().value().members[0].label, std::string(kLabelSize, 'x'));
}

TEST_F(QueueTest, RefusesAFileThatIsNoQueue) {
  layout_.file().header.magic.store(0);
  test::LockSite site(path_);
  EXPECT_EQ(Queue::attach(site.site(), Handover::kBounded, "").status().code(),
            StatusCode::kCorruption);
}

TEST_F(QueueTest, IsDetachedInAForkedChild) {
  const Attached one = attach();
  const Attached two = attach();
  Result<Guard> guard = acquire(one, kQueue, {});
  {
    test::ChildProcess child([&] {
      if (acquire(one, kQueue, {}).status().code() != StatusCode::kForked) return 1;
      if (two->info().status().code() != StatusCode::kForked) return 2;
      if (guard->inconsistent()) return 3;
      if (two->relieve().status().code() != StatusCode::kForked) return 4;
      if (two->busy_info().holder_pid != 0 || two->member(one->self())) return 5;
      two->set_view(7);
      guard->mark_consistent();
      guard->release();  // the parent's: not ours to give
      const_cast<Attached&>(one).queue.reset();
      const_cast<Attached&>(two).queue.reset();
      return 0;
    });
    EXPECT_TRUE(test::exited_with(child.wait(), 0));
  }
  EXPECT_FALSE(is_free_for(two));
  EXPECT_TRUE(two->alive(one->self()));
  EXPECT_EQ(two->member(two->self())->view, 0u);
  guard->release();
  EXPECT_TRUE(is_free_for(two));
}

TEST_F(QueueTest, LeavesNoTraceOfAChildThatLivesOn) {
  Attached one = attach();
  const Attached two = attach();
  const Identity gone = one->self();
  test::ChildProcess child([] {
    ::pause();
    return 0;
  });
  one.queue.reset();
  one.site.reset();
  EXPECT_FALSE(two->alive(gone));
}

}  // namespace
}  // namespace tidelock::lock
