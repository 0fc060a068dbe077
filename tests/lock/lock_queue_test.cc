#include "tidelock/lock_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "lock/layout.h"
#include "os/crash_point.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace tidelock {
namespace {

class LockQueueTest : public testing::Test {
 protected:
  LockQueue open() { return LockQueue::open(path_).value(); }
  static bool is_free_for(LockQueue& queue) {
    return bool(queue.acquire({.policy = Wait::Policy::kFailFast}));
  }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.file("job.tidelock");
};

TEST_F(LockQueueTest, ExcludesAnotherProcess) {
  LockQueue queue = open();
  std::optional<LockQueue::Guard> guard = queue.acquire().value();
  const auto try_in_child = [this] {
    test::ChildProcess child([this] {
      LockQueue mine = open();
      return is_free_for(mine) ? 0 : 1;
    });
    return child.wait();
  };
  EXPECT_TRUE(test::exited_with(try_in_child(), 1));
  guard.reset();
  EXPECT_TRUE(test::exited_with(try_in_child(), 0));
}

TEST_F(LockQueueTest, TellsTheNextThatItsHolderDied) {
  test::ChildProcess child([this] {
    LockQueue mine = open();
    const auto guard = mine.acquire();
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  EXPECT_TRUE(test::killed_by(child.wait(), SIGKILL));
  // The last attachment is gone, but not the news.
  LockQueue queue = open();
  {
    auto guard = queue.acquire().value();
    EXPECT_TRUE(guard.inconsistent());
  }
  {
    auto guard = queue.acquire().value();
    EXPECT_TRUE(guard.inconsistent()) << "nobody has repaired anything yet";
    guard.mark_consistent();
    EXPECT_FALSE(guard.inconsistent());
  }
  EXPECT_FALSE(queue.acquire().value().inconsistent());
  EXPECT_EQ(queue.info().value().word, LockInfo::Word::kFree);
}

TEST_F(LockQueueTest, OpensTwiceInOneProcess) {
  LockQueue one = open();
  LockQueue two = open();
  const auto guard = one.acquire();
  EXPECT_FALSE(is_free_for(two));
  EXPECT_EQ(two.info().value().members.size(), 2u);
}

TEST_F(LockQueueTest, LaysOutAgainACopyOfALockThatIsHeld) {
  LockQueue queue = open();
  const auto guard = queue.acquire();
  std::filesystem::copy_file(path_, path_ + ".copy");
  LockQueue copy = LockQueue::open(path_ + ".copy").value();
  EXPECT_TRUE(is_free_for(copy));
  EXPECT_EQ(copy.info().value().members.size(), 1u);
  EXPECT_FALSE(is_free_for(queue));
}

TEST_F(LockQueueTest, LeavesAnyOtherFileAlone) {
  std::ofstream(path_) << "somebody's diary";
  EXPECT_EQ(LockQueue::open(path_).status().code(), StatusCode::kUnsupported);
  std::string text;
  std::getline(std::ifstream(path_), text);
  EXPECT_EQ(text, "somebody's diary");
  std::ofstream(path_, std::ios::trunc) << std::string(lock::queue_file_size(), 'x');
  EXPECT_EQ(LockQueue::open(path_).status().code(), StatusCode::kUnsupported);
  const std::string link = directory_.file("link");
  std::filesystem::create_symlink(directory_.file("nowhere"), link);
  EXPECT_EQ(LockQueue::open(link).status().code(), StatusCode::kUnsupported);
}

TEST_F(LockQueueTest, NamesTheDirectoryThatIsMissing) {
  const auto refused = LockQueue::open(directory_.file("missing/lock"));
  EXPECT_EQ(refused.status().code(), StatusCode::kNotFound);
  EXPECT_NE(refused.status().message().find("missing/lock"), std::string::npos);
}

TEST_F(LockQueueTest, IsLaidOutByTheNextWhenItsCreatorDies) {
  for (const char* point : {"lock.file_allocated", "lock.file_laid_out"}) {
    std::filesystem::remove(path_);
    test::ChildProcess child([&] {
      os::arm_crash_point(point, 1, SIGKILL);
      (void)open();
      return 0;
    });
    EXPECT_TRUE(test::killed_by(child.wait(), SIGKILL)) << point;
    LockQueue queue = open();
    EXPECT_TRUE(is_free_for(queue)) << point;
  }
}

TEST_F(LockQueueTest, SaysSoWhenMovedFrom) {
  LockQueue queue = open();
  LockQueue moved = std::move(queue);
  EXPECT_EQ(queue.acquire().status().code(), StatusCode::kClosed);
  EXPECT_EQ(queue.info().status().code(), StatusCode::kClosed);
  EXPECT_TRUE(moved.acquire());
}

TEST_F(LockQueueTest, AnswersForkedInAChildAndKeepsTheParentsLock) {
  LockQueue queue = open();
  const auto guard = queue.acquire();
  test::ChildProcess child([&] {
    if (queue.acquire().status().code() != StatusCode::kForked) return 1;
    LockQueue own = open();
    return is_free_for(own) ? 2 : 0;
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
}

}  // namespace
}  // namespace tidelock
