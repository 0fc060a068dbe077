// A database's lock queue, seen from outside.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "os/crash_point.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

namespace fs = std::filesystem;

class LockInfoTest : public test::DatabaseTest {
 protected:
  [[nodiscard]] LockInfo look() const { return Db::lock_info(path()).value(); }
  void create() const { EXPECT_TRUE(open().close().ok()); }
  // A process that dies while it holds the writer lock, the last to be attached.
  void leave_a_dead_holder() const {
    test::ChildProcess child([this] {
      Db db = open({.background = Background::kNone, .label = "victim"});
      os::arm_crash_point("wal.record_half", 1, SIGKILL);
      return db.put("half", "way").ok() ? 1 : 2;
    });
    EXPECT_TRUE(test::killed_by(child.wait(), SIGKILL));
  }
};

TEST_F(LockInfoTest, SeesAFreeLockWhenNobodyHasTheDatabaseOpen) {
  create();
  const LockInfo info = look();
  EXPECT_EQ(info.word, LockInfo::Word::kFree);
  EXPECT_FALSE(info.holder);
  EXPECT_TRUE(info.members.empty());
}

TEST_F(LockInfoTest, SeesTheSameAsAMemberDoes) {
  create();
  Db db = open({.label = "first"});
  ASSERT_TRUE(db.put("a", "1").ok());
  const LockInfo inside = db.lock_info().value();
  const LockInfo outside = look();
  ASSERT_EQ(outside.members.size(), 1u);
  EXPECT_EQ(outside.members[0].label, "first");
  EXPECT_EQ(outside.members[0].pid, inside.members[0].pid);
  EXPECT_TRUE(outside.members[0].alive);
  EXPECT_EQ(outside.totals.acquired, inside.totals.acquired);
}

TEST_F(LockInfoTest, NamesAWriterThatStandsStill) {
  create();
  test::ChildProcess holder([this] {
    Db db = open({.label = "stubborn"});
    os::arm_crash_point("wal.record_half", 1, SIGSTOP);
    return db.put("half", "way").ok() ? 0 : 1;
  });
  ASSERT_TRUE(WIFSTOPPED(holder.wait_for_stop()));
  const LockInfo info = look();
  ASSERT_EQ(info.word, LockInfo::Word::kHeld);
  EXPECT_EQ(info.holder->pid, holder.pid());
  EXPECT_EQ(info.holder->label, "stubborn");
  EXPECT_TRUE(info.holder->alive);
}

TEST_F(LockInfoTest, TellsOfADeadHolderUntilTheStateIsAnothers) {
  create();
  leave_a_dead_holder();
  ASSERT_EQ(look().word, LockInfo::Word::kHeld);
  EXPECT_FALSE(look().holder->alive);
  EXPECT_EQ(look().holder->label, "victim");
  fs::remove(path() + "/STATE");  // as after a reboot, nothing says that QUEUE is of this boot
  EXPECT_EQ(look().word, LockInfo::Word::kFree);
  EXPECT_TRUE(look().members.empty());
}

TEST_F(LockInfoTest, DoesNotWaitForARebuild) {
  create();
  for (const char* point : {"rebuild.begun", "rebuild.filled", "rebuild.done"}) {
    fs::remove(path() + "/STATE");
    test::ChildProcess builder([&] {
      os::arm_crash_point(point, 1, SIGSTOP);
      return open().close().ok() ? 0 : 1;
    });
    ASSERT_TRUE(WIFSTOPPED(builder.wait_for_stop())) << point;
    EXPECT_EQ(look().word, LockInfo::Word::kFree) << point;
    builder.send(SIGCONT);
    EXPECT_TRUE(test::exited_with(builder.wait(), 0)) << point;
  }
}

TEST_F(LockInfoTest, SeesAFreeLockWhereFilesOfTheQueueAreMissing) {
  create();
  for (const char* name : {"/QUEUE", "/LOCK"}) {
    fs::remove(path() + name);
    EXPECT_EQ(look().word, LockInfo::Word::kFree) << name;
  }
}

TEST_F(LockInfoTest, SaysThatThereIsNoDatabase) {
  EXPECT_EQ(Db::lock_info(path()).status().code(), StatusCode::kNotFound);
  fs::create_directory(path());
  EXPECT_EQ(Db::lock_info(path()).status().code(), StatusCode::kNotFound);
  std::ofstream(path() + "/CURRENT") << "MANIFEST-000001\n";  // as other stores have it
  EXPECT_EQ(Db::lock_info(path()).status().code(), StatusCode::kUnsupported);
}

}  // namespace
}  // namespace tidelock
