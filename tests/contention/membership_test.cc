// Who is attached: as many as there are slots, from any pid namespace, whatever pids say.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "lock/lock_file.h"
#include "lock/queue.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/lock_site.h"
#include "support/shared_value.h"
#include "support/temporary_directory.h"
#include "tidelock/lock_queue.h"

namespace tidelock::lock {
namespace {

using std::chrono::milliseconds;

constexpr Wait kPatient{.deadline = milliseconds(60'000)};
constexpr Wait kFailFast{.policy = Wait::Policy::kFailFast};

struct Board {
  std::atomic<std::uint32_t> ready{0};
  std::atomic<bool> let_go{false};
  std::atomic<pid_t> holder{0};  // as this process sees it
};

class MembershipTest : public testing::Test {
 protected:
  LockQueue open(const char* label = "") {
    return LockQueue::open(path_, {.label = label}).value();
  }
  [[nodiscard]] LockInfo look() const { return LockQueue::look(path_).value(); }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.file("job.tidelock");
  test::SharedValue<Board> board_;
};

// The kernel looks through all locks of a file for each, so thousands of members take seconds to
// attach. Unless TIDELOCK_MEMBERS says 4096, somebody holds most of the bytes in one piece.
TEST_F(MembershipTest, EndsAtFourThousandAndNinetySixAndSaysSo) {
  constexpr std::uint32_t kProcesses = 16;
  const char* const given = std::getenv("TIDELOCK_MEMBERS");
  const auto real = given != nullptr ? static_cast<std::uint32_t>(std::atoi(given)) : 256U;
  (void)open();
  os::ByteLocks hoard(os::File::open(path_, os::FileAccess::kReadWrite).value());
  for (std::uint32_t slot = real; slot < kMemberSlots; ++slot) {
    ASSERT_TRUE(
        hoard.try_lock(LockFile::kFirstMemberByte + slot, os::ByteLocks::Mode::kExclusive).value());
  }
  std::vector<std::unique_ptr<test::ChildProcess>> crowd;
  for (std::uint32_t i = 0; i < kProcesses; ++i) {
    crowd.push_back(std::make_unique<test::ChildProcess>([&] {
      std::vector<LockQueue> attached;
      for (std::uint32_t n = 0; n < real / kProcesses; ++n) attached.push_back(open());
      board_->ready.fetch_add(1);
      while (!board_->let_go.load()) os::sleep_for(milliseconds(1));
      return 0;
    }));
  }
  ASSERT_TRUE(test::comes_true([this] { return board_->ready.load() == kProcesses; }));
  EXPECT_EQ(look().members.size(), real);
  const auto refused = LockQueue::open(path_);
  EXPECT_EQ(refused.status().code(), StatusCode::kLimit);
  EXPECT_NE(refused.status().message().find("4096"), std::string::npos)
      << refused.status().message();

  // What the dead leave can be had again, and the lock works.
  crowd.pop_back();
  {
    std::vector<LockQueue> newcomers;
    for (std::uint32_t n = 0; n < 16; ++n) newcomers.push_back(open());
    for (LockQueue& newcomer : newcomers) EXPECT_TRUE(newcomer.acquire(kFailFast));
  }
  board_->let_go.store(true);
  for (auto& child : crowd) EXPECT_TRUE(test::exited_with(child->wait(), 0));
  EXPECT_TRUE(std::ranges::none_of(look().members, &LockMember::alive));
}

constexpr int kNotPermitted = 77;

// Runs `body` as the first process of a pid namespace of its own, where it has the pid 1.
int as_first_process(const std::function<int()>& body, std::atomic<pid_t>* seen_from_outside) {
  constexpr int kContainer = CLONE_NEWPID | CLONE_NEWNS;
  if (::unshare(kContainer) != 0 && ::unshare(CLONE_NEWUSER | kContainer) != 0) {
    return kNotPermitted;
  }
  const pid_t first = ::fork();
  if (first < 0) return kNotPermitted;
  if (first == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::_exit(body());
  }
  if (seen_from_outside != nullptr) seen_from_outside->store(first);
  int status = 0;
  ::waitpid(first, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

// Two containers with a volume in common: pid and mount namespaces of their own. Each would find
// the other's pid alive, for it is its own.
TEST_F(MembershipTest, DoesNotDependOnNamespaces) {
  const LockQueue outside = open("outside");
  test::ChildProcess holder([this] {
    const auto hold = [this] {
      LockQueue queue = open("left");
      const auto guard = queue.acquire(kFailFast);
      board_->ready.store(guard ? 1 : 0);
      while (!board_->let_go.load()) os::sleep_for(milliseconds(1));
      return 0;
    };
    return as_first_process(hold, &board_->holder);
  });
  ASSERT_TRUE(test::comes_true([&] { return board_->ready.load() == 1 || holder.has_ended(); }));
  if (holder.has_ended()) {
    EXPECT_TRUE(test::exited_with(holder.wait(), kNotPermitted));
    std::cout << "not tried: it takes the right to make namespaces\n";
    return;
  }
  test::ChildProcess waiter([this] {
    const auto wait = [this] {
      LockQueue queue = open("right");
      const auto refused = queue.acquire(kFailFast);
      if (refused || refused.error().busy()->holder_pid != ::getpid()) return 1;
      const auto guard = queue.acquire(kPatient);
      return guard && guard->inconsistent() && !board_->let_go.load() ? 0 : 2;
    };
    return as_first_process(wait, nullptr);
  });
  ASSERT_TRUE(test::comes_true([this] { return look().waiters.size() == 1; }));
  const LockInfo before = look();
  ASSERT_EQ(before.members.size(), 3u);
  for (const LockMember& member : before.members) {
    EXPECT_EQ(member.pid, member.label == "outside" ? ::getpid() : 1);
    EXPECT_TRUE(member.alive);
  }
  EXPECT_NE(before.members[1].pid_namespace, before.members[2].pid_namespace);
  EXPECT_EQ(before.holder->label, "left");
  EXPECT_EQ(before.waiters[0].label, "right");

  ASSERT_TRUE(test::comes_true([this] { return board_->holder.load() > 0; }));
  ::kill(board_->holder.load(), SIGKILL);
  EXPECT_TRUE(test::exited_with(waiter.wait(), 0));
  const LockInfo after = look();
  ASSERT_EQ(after.members.size(), 2u);
  EXPECT_EQ(after.members[1].label, "left");
  EXPECT_FALSE(after.members[1].alive);
  ASSERT_EQ(after.history.size(), 1u);
  EXPECT_TRUE(after.history[0].recovered);
}

// The same where no namespaces are to be had: the queue file says of all that they have the pid of
// this process, which lives, or one that nobody has.
TEST_F(MembershipTest, DoesNotBelieveThePidsItShows) {
  const std::string path = directory_.file("queue");
  test::LockSite site(path, 8);
  const auto queue = Queue::attach(site.site(), Handover::kBounded, "heir").value();
  constexpr std::int32_t kNobody = 0x7ffffff0;
  for (const std::int32_t shown : {::getpid(), kNobody}) {
    board_->ready.store(0);
    test::ChildProcess holder([&] {
      test::LockSite its(path);
      const auto mine = Queue::attach(its.site(), Handover::kBounded, "holder").value();
      its.file().members[mine->self().slot].pid.store(shown);
      const auto guard = mine->acquire(kPatient);
      board_->ready.store(1);
      while (guard) ::pause();
      return 1;
    });
    ASSERT_TRUE(test::comes_true([this] { return board_->ready.load() == 1; }));
    const auto refused = queue->acquire({.deadline = milliseconds(60)});
    ASSERT_FALSE(refused) << "it holds the lock, whatever its pid";
    EXPECT_EQ(refused.error().busy()->holder_pid, shown);
    holder.send(SIGKILL);
    holder.wait();
    auto guard = queue->acquire(kFailFast);
    ASSERT_TRUE(guard) << "it is dead, whatever its pid";
    EXPECT_TRUE(guard->inconsistent());
    guard->mark_consistent();
  }
}

}  // namespace
}  // namespace tidelock::lock
