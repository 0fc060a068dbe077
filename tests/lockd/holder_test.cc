// Whom tidelock-lockd warns of, and whom it kills.

#include <gtest/gtest.h>

#include <iostream>

#include "lockd/kept_database.h"
#include "os/crash_point.h"

namespace tidelock {
namespace {

class LockdHolderTest : public test::KeptDatabaseTest {
 protected:
  const std::vector<std::string> kEager{"--warn-held-after", "100ms", "--kill-stuck-after",
                                        "200ms"};
};

TEST_F(LockdHolderTest, IsWarnedOfAndNotKilledWhileItRuns) {
  const Db db = open(client());
  const test::Lockd lockd = keep_with_metrics(kEager);
  test::ChildProcess child = hold();
  EXPECT_TRUE(lockd.says("the lock is held for long"));
  EXPECT_NE(lockd.log().find("process=running"), std::string::npos) << lockd.log();
  EXPECT_TRUE(test::comes_true([&] { return metric("tidelock_lock_held_seconds") > 0.6; }));
  EXPECT_FALSE(child.has_ended());
  EXPECT_EQ(metric("tidelock_lockd_stuck_kills_total"), 0);
  EXPECT_EQ(metric("tidelock_lockd_held_long_warnings_total"), 1) << "once for each turn";
  acts_->let_go = true;
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
}

TEST_F(LockdHolderTest, IsKilledWhenItIsStoppedAndTheOthersGoOn) {
  Db db = open(client());
  const test::Lockd lockd = keep_with_metrics(kEager);
  test::ChildProcess child([&] {
    Db own = open(client());
    os::arm_crash_point("commit.published", 1, SIGSTOP);
    return own.put("stuck", "v").ok() ? 0 : 1;
  });
  child.wait_for_stop();
  EXPECT_TRUE(db.put("next", "v").ok());
  EXPECT_TRUE(test::killed_by(child.wait(), SIGKILL));
  EXPECT_EQ(db.get("stuck").value(), "v") << "it was committed";
  EXPECT_TRUE(lockd.says("killed a stopped holder"));
  EXPECT_EQ(metric("tidelock_lockd_stuck_kills_total"), 1);
}

TEST_F(LockdHolderTest, IsOnlyWarnedOfWhenNobodyAskedForMore) {
  const Db db = open(client());
  const test::Lockd lockd = keep_with_metrics({"--warn-held-after", "100ms"});
  test::ChildProcess child = hold();
  child.send(SIGSTOP);
  child.wait_for_stop();
  EXPECT_TRUE(lockd.says("process=stopped"));
  EXPECT_TRUE(test::comes_true([&] { return metric("tidelock_lock_held_seconds") > 0.6; }));
  EXPECT_FALSE(child.has_ended());
}

// To another user the kernel does not show the holder's files.
TEST_F(LockdHolderTest, IsLeftAloneWithAWordWhenItCannotBeCertain) {
  if (::geteuid() != 0) {
    std::cout << "not tried: only root can be another user\n";
    return;
  }
  constexpr uid_t kNobody = 65534;
  const Db db = open(client());
  ASSERT_EQ(::chown(directory_.path().c_str(), kNobody, kNobody), 0);
  ASSERT_EQ(::chown(path().c_str(), kNobody, kNobody), 0);
  for (const std::string& name : files("")) {
    ASSERT_EQ(::chown((path() + "/" + name).c_str(), kNobody, kNobody), 0);
  }
  std::vector<std::string> arguments = kEager;
  arguments.push_back(path());
  const test::Lockd lockd(arguments, {}, kNobody);
  EXPECT_TRUE(lockd.says("opened database=" + path())) << lockd.log();
  test::ChildProcess child = hold();
  child.send(SIGSTOP);
  child.wait_for_stop();
  const std::string word = "leaves a stopped holder alone database=" + path();
  EXPECT_TRUE(lockd.says(word)) << lockd.log();
  EXPECT_NE(lockd.log().find("cause=\"the kernel does not show"), std::string::npos);
  EXPECT_FALSE(test::comes_true([&] { return child.has_ended(); }, std::chrono::milliseconds(400)));
  EXPECT_EQ(lockd.log().find(word), lockd.log().rfind(word)) << "once for each turn";
}

// Neither one that waits, nor one that is merely attached.
TEST_F(LockdHolderTest, IsTheOnlyOneThatIsKilledForBeingStopped) {
  const Db db = open(client());
  const test::Lockd lockd = keep_with_metrics(kEager);
  test::ChildProcess bystander([&] {
    const Db own = open(client());
    ::kill(::getpid(), SIGSTOP);
    return 0;
  });
  bystander.wait_for_stop();
  test::ChildProcess running = hold();
  test::ChildProcess waiter([&] {
    Db own = open(client());
    os::arm_crash_point("lock.sleep_announced", 1, SIGSTOP);
    return own.put("k", "v").ok() ? 0 : 1;
  });
  waiter.wait_for_stop();
  EXPECT_TRUE(test::comes_true([&] { return metric("tidelock_lock_held_seconds") > 0.8; }));
  EXPECT_EQ(metric("tidelock_lockd_stuck_kills_total"), 0);
  for (const test::ChildProcess* process : {&bystander, &running, &waiter}) {
    EXPECT_FALSE(process->has_ended());
    process->send(SIGCONT);
  }
  acts_->let_go = true;
  EXPECT_TRUE(test::exited_with(running.wait(), 0));
  EXPECT_TRUE(test::exited_with(bystander.wait(), 0));
  EXPECT_TRUE(test::exited_with(waiter.wait(), 0));
}

// The pid in the slot is for people: what it names is killed only if all else agrees.
TEST_F(LockdHolderTest, IsNotKilledWhenItsSlotNamesAnotherProcess) {
  Db db = open(client());
  const test::Lockd lockd = keep_with_metrics(kEager);
  test::ChildProcess innocent([] {
    ::kill(::getpid(), SIGSTOP);
    return 0;
  });
  innocent.wait_for_stop();
  test::ChildProcess child = hold();
  child.send(SIGSTOP);
  child.wait_for_stop();
  // As a number that was used again would read.
  auto engine = lsm::Engine::open(path(), client()).value();
  auto& file = *reinterpret_cast<lock::QueueFile*>(engine->context().queue_file->bytes().data());
  file.members[holder().slot].pid.store(innocent.pid());
  EXPECT_TRUE(test::comes_true([&] { return metric("tidelock_lock_held_seconds") > 0.8; }));
  EXPECT_FALSE(innocent.has_ended());
  file.members[holder().slot].pid.store(child.pid());
  file.members[holder().slot].pid_namespace.fetch_add(1);
  EXPECT_TRUE(test::comes_true([&] { return metric("tidelock_lock_held_seconds") > 1.6; }));
  EXPECT_FALSE(child.has_ended());
  EXPECT_EQ(metric("tidelock_lockd_stuck_kills_total"), 0);
  file.members[holder().slot].pid_namespace.fetch_sub(1);
  EXPECT_TRUE(test::comes_true([&] { return child.has_ended(); })) << "now it is certain";
}

}  // namespace
}  // namespace tidelock
