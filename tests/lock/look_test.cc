// Looking at a lock from outside, what is remembered of hand-overs, and passing an attachment on.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "lock/layout.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/temporary_directory.h"
#include "tidelock/lock_queue.h"

namespace tidelock {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

class LookTest : public testing::Test {
 protected:
  LockQueue open(const char* label = "") {
    return LockQueue::open(path_, {.label = label}).value();
  }
  LockInfo look() { return LockQueue::look(path_).value(); }
  bool is_held() { return look().word == LockInfo::Word::kHeld; }
  static bool is_free_for(LockQueue& queue) {
    return bool(queue.acquire({.policy = Wait::Policy::kFailFast}));
  }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.file("job.tidelock");
};

TEST_F(LookTest, ShowsHolderWaitersAndMembersWithoutBecomingOne) {
  LockQueue queue = open("holder");
  std::optional<LockQueue::Guard> guard = queue.acquire().value();
  test::ChildProcess waiter([this] {
    LockQueue mine = open("waiter");
    return mine.acquire({.deadline = Wait::kForEver}) ? 0 : 1;
  });
  ASSERT_TRUE(test::comes_true([this] { return look().waiters.size() == 1; }));
  const LockInfo info = look();
  ASSERT_EQ(info.word, LockInfo::Word::kHeld);
  EXPECT_EQ(info.holder->pid, ::getpid());
  EXPECT_EQ(info.holder->label, "holder");
  EXPECT_TRUE(info.holder->alive);
  EXPECT_EQ(info.waiters[0].pid, waiter.pid());
  EXPECT_EQ(info.waiters[0].label, "waiter");
  EXPECT_EQ(info.members.size(), 2u);
  EXPECT_EQ(info.totals.acquired, 1u);
  guard.reset();
  EXPECT_TRUE(test::exited_with(waiter.wait(), 0));
  EXPECT_EQ(look().members.size(), 1u);
  EXPECT_EQ(look().totals.acquired, 2u);
}

TEST_F(LookTest, ChangesNoByteAndNeedsOnlyReadPermission) {
  LockQueue queue = open();
  const auto guard = queue.acquire();
  ASSERT_EQ(::chmod(path_.c_str(), 0444), 0);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0555), 0);
  const auto content = [this] {
    std::ifstream file(path_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string before = content();
  test::ChildProcess stranger([this] {
    if (::getuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 1;
    if (::access(path_.c_str(), W_OK) == 0) return 2;
    const auto info = LockQueue::look(path_);
    return info && info->holder && info->holder->alive ? 0 : 3;
  });
  EXPECT_TRUE(test::exited_with(stranger.wait(), 0));
  EXPECT_EQ(content(), before);
  EXPECT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
}

TEST_F(LookTest, TellsThatAHolderDiedAndLeavesTheRest) {
  test::ChildProcess child([this] {
    LockQueue mine = open("victim");
    const auto guard = mine.acquire();
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  EXPECT_TRUE(test::killed_by(child.wait(), SIGKILL));
  // Nobody is attached; the file is of this boot.
  const LockInfo info = look();
  ASSERT_EQ(info.word, LockInfo::Word::kHeld);
  EXPECT_EQ(info.holder->label, "victim");
  EXPECT_FALSE(info.holder->alive);
  EXPECT_FALSE(info.inconsistent) << "that is for the next holder to be told";
  EXPECT_EQ(info.totals.recoveries, 0u);
}

TEST_F(LookTest, SeesAFreeLockWhereNothingIsLaidOut) {
  std::ofstream(path_).flush();
  EXPECT_EQ(look().word, LockInfo::Word::kFree);
  std::ofstream(path_) << std::string(lock::queue_file_size(), '\0');
  EXPECT_EQ(look().word, LockInfo::Word::kFree);
}

TEST_F(LookTest, DoesNotBelieveACopyThatNobodyIsAttachedTo) {
  LockQueue queue = open();
  const auto guard = queue.acquire();
  std::filesystem::copy_file(path_, path_ + ".copy");
  const LockInfo info = LockQueue::look(path_ + ".copy").value();
  EXPECT_EQ(info.word, LockInfo::Word::kFree);
  EXPECT_TRUE(info.members.empty());
}

TEST_F(LookTest, SaysWhatItCannotLookAt) {
  EXPECT_EQ(LockQueue::look(path_).status().code(), StatusCode::kNotFound);
  std::ofstream(path_) << "somebody's diary";
  EXPECT_EQ(LockQueue::look(path_).status().code(), StatusCode::kUnsupported);
  EXPECT_EQ(LockQueue::look(directory_.path()).status().code(), StatusCode::kUnsupported);
}

TEST_F(LookTest, RefusesALayoutOfAnotherReleaseThatIsInUse) {
  LockQueue queue = open();
  const std::uint64_t another = 1;
  const int file = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::pwrite(file, &another, sizeof another, offsetof(lock::Header, layout_hash)), 8);
  ::close(file);
  const auto refused = LockQueue::look(path_);
  EXPECT_EQ(refused.status().code(), StatusCode::kUnsupported);
  EXPECT_NE(refused.status().message().find(path_), std::string::npos);
}

// Garbage in the file is shown as garbage; it must not make the one who looks read outside.
TEST_F(LookTest, SurvivesGarbage) {
  LockQueue queue = open();
  const int file = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
  const std::string garbage(lock::queue_file_size() - sizeof(lock::Header), '\xff');
  ASSERT_EQ(::pwrite(file, garbage.data(), garbage.size(), sizeof(lock::Header)),
            static_cast<ssize_t>(garbage.size()));
  ::close(file);
  const LockInfo info = look();
  EXPECT_LE(info.members.size(), lock::kMemberSlots);
  EXPECT_LT(info.history.size(), lock::kHistoryLength);
  for (const LockHandover& one : info.history) EXPECT_LE(one.label.size(), lock::kLabelSize);
}

TEST_F(LookTest, RemembersWhoGotTheLockThoughTheyHaveLeft) {
  LockQueue queue = open("first");
  std::array<pid_t, 2> pids{};
  for (pid_t& pid : pids) {
    std::optional<LockQueue::Guard> guard = queue.acquire().value();
    test::ChildProcess waiter([&] {
      LockQueue mine = open(pid == pids[0] ? "early" : "late");
      return mine.acquire({.deadline = Wait::kForEver}) ? 0 : 1;
    });
    pid = waiter.pid();
    ASSERT_TRUE(test::comes_true([this] { return look().waiters.size() == 1; }));
    const auto held = std::chrono::steady_clock::now();
    std::this_thread::sleep_until(held + milliseconds(5));  // a wait that can be told from none
    guard.reset();
    ASSERT_TRUE(test::exited_with(waiter.wait(), 0));
  }
  const auto history = look().history;
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].pid, pids[1]);
  EXPECT_EQ(history[0].label, "late");
  EXPECT_EQ(history[1].pid, pids[0]);
  EXPECT_EQ(history[1].label, "early");
  EXPECT_GE(history[1].waited, milliseconds(5));
  EXPECT_GE(history[1].ago, history[0].ago);
  EXPECT_FALSE(history[0].recovered);
}

TEST_F(LookTest, RemembersARecoveryAlsoByOneWhoDidNotWait) {
  test::ChildProcess child([this] {
    LockQueue mine = open("victim");
    const auto guard = mine.acquire();
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  EXPECT_TRUE(test::killed_by(child.wait(), SIGKILL));
  LockQueue queue = open("heir");
  EXPECT_TRUE(is_free_for(queue));
  const LockInfo info = look();
  ASSERT_EQ(info.history.size(), 1u);
  EXPECT_TRUE(info.history[0].recovered);
  EXPECT_EQ(info.history[0].label, "heir");
  EXPECT_EQ(info.totals.recoveries, 1u);
  EXPECT_TRUE(info.inconsistent);
}

// A process that takes the lock, gives an attachment on to a program of its own, and dies.
TEST_F(LookTest, AnInheritedDescriptorKeepsADeadProcesssLock) {
  std::array<int, 2> stop{};
  ASSERT_EQ(::pipe2(stop.data(), O_CLOEXEC), 0);
  test::ChildProcess holder([&] {
    LockQueue mine = open("parent");
    auto guard = mine.acquire();
    const auto passed_on = mine.inheritable_descriptor();
    if (!guard || !passed_on || (::fcntl(*passed_on, F_GETFD) & FD_CLOEXEC) != 0) return 1;
    if (::fork() == 0) {
      ::dup2(stop[0], STDIN_FILENO);
      ::execlp("cat", "cat", nullptr);
      ::_exit(127);
    }
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  EXPECT_TRUE(test::killed_by(holder.wait(), SIGKILL));
  ::close(stop[0]);
  LockQueue queue = open();
  EXPECT_FALSE(is_free_for(queue)) << "cat runs";
  EXPECT_TRUE(look().holder->alive);
  ::close(stop[1]);  // the end of its input
  auto guard = queue.acquire();
  ASSERT_TRUE(guard);
  EXPECT_TRUE(guard->inconsistent());
}

TEST_F(LookTest, ReleasingEndsTheHoldInSpiteOfCopies) {
  LockQueue other = open();
  std::optional<LockQueue> queue = open();
  const int copy = queue->inheritable_descriptor().value();
  EXPECT_TRUE(is_free_for(*queue));
  EXPECT_TRUE(is_free_for(other));
  queue.reset();
  EXPECT_EQ(look().members.size(), 1u);
  ::close(copy);
}

TEST_F(LookTest, GivesNoDescriptorToAForkedChildOrAMovedFromHandle) {
  LockQueue queue = open();
  test::ChildProcess child([&] {
    return queue.inheritable_descriptor().status().code() == StatusCode::kForked ? 0 : 1;
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
  const LockQueue moved = std::move(queue);
  EXPECT_EQ(queue.inheritable_descriptor().status().code(), StatusCode::kClosed);
}

}  // namespace
}  // namespace tidelock
