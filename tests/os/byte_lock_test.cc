#include "os/byte_lock.h"

#include <gtest/gtest.h>

#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace tidelock::os {
namespace {

using Mode = ByteLocks::Mode;

class ByteLocksTest : public testing::Test {
 protected:
  ByteLocksTest() { (void)File::create(path_, {}); }

  std::unique_ptr<ByteLocks> open() const {
    return std::make_unique<ByteLocks>(
        std::move(File::open(path_, FileAccess::kReadWrite)).value());
  }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.file("LOCK");
};

bool taken(Result<bool> result) {
  return result.has_value() && *result;
}
bool refused(Result<bool> result) {
  return result.has_value() && !*result;
}

TEST_F(ByteLocksTest, ExcludeTwoDescriptorsOfOneProcess) {
  auto first = open();
  auto second = open();
  EXPECT_TRUE(taken(first->try_lock(7, Mode::kExclusive)));
  EXPECT_TRUE(refused(second->try_lock(7, Mode::kExclusive)));
  EXPECT_TRUE(taken(second->try_lock(8, Mode::kExclusive)));
}

TEST_F(ByteLocksTest, ExcludeThreadsThatShareTheDescriptor) {
  auto locks = open();
  EXPECT_TRUE(taken(locks->try_lock(7, Mode::kExclusive)));
  EXPECT_TRUE(refused(locks->try_lock(7, Mode::kExclusive)));
}

TEST_F(ByteLocksTest, UnlockingOneByteKeepsTheLaterOnes) {
  auto first = open();
  auto second = open();
  ASSERT_TRUE(taken(first->try_lock(1, Mode::kExclusive)));
  ASSERT_TRUE(taken(first->try_lock(2, Mode::kExclusive)));
  first->unlock(1);
  EXPECT_TRUE(taken(second->try_lock(1, Mode::kExclusive)));
  EXPECT_TRUE(refused(second->try_lock(2, Mode::kExclusive)));
}

TEST_F(ByteLocksTest, ShareAByteUntilSomebodyWantsItAlone) {
  auto first = open();
  auto second = open();
  EXPECT_TRUE(taken(first->try_lock(0, Mode::kShared)));
  EXPECT_TRUE(taken(second->try_lock(0, Mode::kShared)));
  second->unlock(0);
  EXPECT_TRUE(refused(second->try_lock(0, Mode::kExclusive)));
}

TEST_F(ByteLocksTest, DowngradeLetsSharersIn) {
  auto first = open();
  auto second = open();
  ASSERT_TRUE(taken(first->try_lock(0, Mode::kExclusive)));
  ASSERT_TRUE(first->downgrade(0).ok());
  EXPECT_TRUE(taken(second->try_lock(0, Mode::kShared)));
}

TEST_F(ByteLocksTest, LockBeforeGivesUpAtItsDeadlineAndNotEarlier) {
  auto first = open();
  auto second = open();
  ASSERT_TRUE(taken(first->try_lock(0, Mode::kExclusive)));
  const auto begin = monotonic_now();
  EXPECT_TRUE(refused(
      second->lock_before(0, Mode::kExclusive, Deadline::after(std::chrono::milliseconds(20)))));
  EXPECT_GE(monotonic_now() - begin, std::chrono::milliseconds(20));
}

TEST_F(ByteLocksTest, TheKernelReleasesWhatAKilledProcessHeld) {
  auto mine = open();
  test::ChildProcess child([this] {
    auto locks = open();
    if (!taken(locks->try_lock(5, Mode::kExclusive))) return 1;
    ::raise(SIGSTOP);
    return 0;
  });
  child.wait_for_stop();
  EXPECT_TRUE(taken(mine->held_by_another(5)));
  EXPECT_TRUE(refused(mine->try_lock(5, Mode::kExclusive)));
  child.send(SIGKILL);
  child.wait();
  EXPECT_TRUE(refused(mine->held_by_another(5)));
  EXPECT_TRUE(taken(mine->try_lock(5, Mode::kExclusive)));
}

TEST_F(ByteLocksTest, AForkedChildNeitherKeepsNorDropsItsParentsLocks) {
  auto watcher = open();
  int answer[2];
  int leave[2];
  ASSERT_EQ(::pipe(answer), 0);
  ASSERT_EQ(::pipe(leave), 0);
  test::ChildProcess parent([&] {
    auto locks = open();
    if (!taken(locks->try_lock(5, Mode::kExclusive))) return 1;
    if (::fork() == 0) {
      const bool forked =
          locks->try_lock(6, Mode::kExclusive).error().code() == StatusCode::kForked;
      locks->unlock(5);
      ::close(leave[1]);
      char byte = forked ? 'y' : 'n';
      (void)!::write(answer[1], &byte, 1);
      ::_exit(static_cast<int>(::read(leave[0], &byte, 1)));  // outlives its parent
    }
    ::pause();
    return 0;
  });
  char forked = 0;
  ASSERT_EQ(::read(answer[0], &forked, 1), 1);
  EXPECT_EQ(forked, 'y');
  EXPECT_TRUE(taken(watcher->held_by_another(5)));
  parent.send(SIGKILL);
  parent.wait();
  EXPECT_TRUE(refused(watcher->held_by_another(5)));
  for (const int end : {answer[0], answer[1], leave[0], leave[1]}) ::close(end);
}

TEST_F(ByteLocksTest, AChildForkedBeforeTheLocksWereMadeDoesNotKeepThem) {
  auto watcher = open();
  int ready[2];
  int leave[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(leave), 0);
  test::ChildProcess parent([&] {
    File file = std::move(File::open(path_, FileAccess::kReadWrite)).value();
    char byte = 'x';
    if (::fork() == 0) {
      ::close(leave[1]);
      ::_exit(static_cast<int>(::read(leave[0], &byte, 1)));  // outlives its parent
    }
    ByteLocks locks(std::move(file));
    if (!taken(locks.try_lock(5, Mode::kExclusive))) return 1;
    (void)!::write(ready[1], &byte, 1);
    ::pause();
    return 0;
  });
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_TRUE(taken(watcher->held_by_another(5)));
  parent.send(SIGKILL);
  parent.wait();
  EXPECT_TRUE(refused(watcher->held_by_another(5)));
  for (const int end : {ready[0], ready[1], leave[0], leave[1]}) ::close(end);
}

TEST_F(ByteLocksTest, EndWithTheirObjectEvenIfACopyOfTheDescriptorIsLeft) {
  auto watcher = open();
  auto locks = open();
  ASSERT_TRUE(taken(locks->try_lock(5, Mode::kExclusive)));
  ASSERT_TRUE(taken(locks->try_lock(6, Mode::kShared)));
  const int copy = ::dup(locks->file().descriptor());  // as a child has that clone() made
  locks.reset();
  EXPECT_TRUE(refused(watcher->held_in_any_mode(5)));
  EXPECT_TRUE(refused(watcher->held_in_any_mode(6)));
  ::close(copy);
}

}  // namespace
}  // namespace tidelock::os
