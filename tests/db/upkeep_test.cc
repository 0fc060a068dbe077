#include "tidelock/upkeep.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "os/crash_point.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/open_database.h"
#include "tidelock/db.h"

namespace tidelock {
namespace {

class UpkeepTest : public test::DatabaseTest {
 protected:
  static Options with(Background background) {
    Options options;
    options.background = background;
    return options;
  }
  // Fills so many memtables, of 1 MiB.
  static void fill(Db& db, int memtables) {
    const std::string value(16 * 1024, 'v');
    for (int i = 0; i < memtables * 64; ++i) {
      ASSERT_TRUE(db.put("key" + std::to_string(i % 500), value).ok());
    }
  }
};

TEST_F(UpkeepTest, DoesWhatIsDueUntilNothingIs) {
  Db keeper = open(with(Background::kUpkeep));
  Db client = open(with(Background::kNone));
  fill(client, 4);
  EXPECT_EQ(client.stats()->flushes, 0u) << "the client leaves it to the keeper";
  EXPECT_GE(client.stats()->sealed_memtables, 3u);
  Upkeep all;
  for (;;) {
    const Result<Upkeep> done = keeper.upkeep({.thorough = true});
    ASSERT_TRUE(done) << done.error().to_string();
    ASSERT_TRUE(done->hindered.ok()) << done->hindered.to_string();
    all.flushes += done->flushes;
    all.compactions += done->compactions;
    all.swept |= done->swept;
    if (done->next.count() != 0) break;
  }
  const Stats stats = client.stats().value();
  EXPECT_EQ(all.flushes, stats.flushes);
  EXPECT_GE(all.flushes, 3u);
  EXPECT_GE(all.compactions, 1u);
  EXPECT_TRUE(all.swept);
  EXPECT_EQ(stats.sealed_memtables, 0u);
}

TEST_F(UpkeepTest, IsLeftToTheClientsWhenNobodyHasPromisedIt) {
  Db client = open(with(Background::kNone));
  fill(client, 6);
  EXPECT_GE(client.stats()->flushes, 4u);
}

TEST_F(UpkeepTest, IsLeftToTheClientsAgainWhenItsKeeperHasDied) {
  test::ChildProcess keeper([this] {
    const Db db = open(with(Background::kUpkeep));
    ::kill(::getpid(), SIGSTOP);
    return 0;
  });
  keeper.wait_for_stop();
  Db client = open(with(Background::kNone));
  fill(client, 3);
  EXPECT_EQ(client.stats()->flushes, 0u);
  keeper.send(SIGKILL);
  keeper.wait();
  fill(client, 8);
  EXPECT_GE(client.stats()->flushes, 4u);
}

// A keeper that is stopped keeps its byte: once a write is held up by that, its client waits for a
// second, and then does what is due, without waiting again each time.
TEST_F(UpkeepTest, OfAStoppedKeeperIsDoneByTheClientsItHoldsUp) {
  Db keeper = open(with(Background::kUpkeep));  // never calls upkeep
  Db client = open(with(Background::kNone));
  const auto begun = std::chrono::steady_clock::now();
  fill(client, 40);
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_GE(client.stats()->flushes, 24u);
  EXPECT_GE(took, std::chrono::seconds(1));
  EXPECT_LT(took, std::chrono::seconds(8));
  EXPECT_GE(client.stats()->write_stalls, 1u);
}

TEST_F(UpkeepTest, SyncsThePeriodicWritesOfOthers) {
  Options options = with(Background::kUpkeep);
  options.sync_period = std::chrono::milliseconds(5);
  Db keeper = open(options);
  options = with(Background::kNone);
  options.durability = Durability::kPeriodic;
  options.sync_period = std::chrono::hours(1);
  Db client = open(options);
  ASSERT_TRUE(client.put("k", "v").ok());
  EXPECT_LT(client.stats()->log_durable, client.stats()->log_end);
  ASSERT_TRUE(keeper.upkeep()->hindered.ok());
  EXPECT_TRUE(test::comes_true([&] {
    const Stats stats = client.stats().value();
    return stats.log_durable == stats.log_end;
  }));
}

TEST_F(UpkeepTest, FinishesWhatADeadHolderLeft) {
  Db keeper = open(with(Background::kUpkeep));
  EXPECT_FALSE(keeper.relieve().value());
  test::ChildProcess child([this] {
    Db db = open(with(Background::kNone));
    os::arm_crash_point("commit.published", 1, SIGKILL);
    (void)db.put("k", "v");
    return 1;
  });
  ASSERT_TRUE(test::killed_by(child.wait(), SIGKILL));
  EXPECT_EQ(keeper.lock_info()->word, LockInfo::Word::kHeld);
  EXPECT_FALSE(keeper.lock_info()->holder->alive);
  EXPECT_TRUE(keeper.relieve().value());
  EXPECT_EQ(keeper.lock_info()->word, LockInfo::Word::kFree);
  EXPECT_FALSE(keeper.lock_info()->inconsistent);
  EXPECT_EQ(keeper.lock_info()->totals.recoveries, 1u);
  EXPECT_EQ(keeper.get("k").value(), "v");
  EXPECT_FALSE(keeper.relieve().value());
}

TEST_F(UpkeepTest, LeavesALivingHolderAlone) {
  Db keeper = open(with(Background::kUpkeep));
  test::ChildProcess child([this] {
    Db db = open(with(Background::kNone));
    os::arm_crash_point("commit.published", 1, SIGSTOP);
    return db.put("k", "v").ok() ? 0 : 1;
  });
  child.wait_for_stop();
  EXPECT_FALSE(keeper.relieve().value());
  const LockInfo info = keeper.lock_info().value();
  ASSERT_EQ(info.word, LockInfo::Word::kHeld);
  EXPECT_TRUE(info.holder->alive);
  EXPECT_EQ(info.holder->pid, child.pid());
  child.send(SIGCONT);
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
}

TEST_F(UpkeepTest, IsNotForReadOnlyHandles) {
  Db writer = open();
  Db reader = open_for_reading();
  EXPECT_EQ(reader.upkeep().status().code(), StatusCode::kReadOnly);
  EXPECT_EQ(reader.relieve().status().code(), StatusCode::kReadOnly);
}

TEST_F(UpkeepTest, EndsWhenTheDirectoryIsReplaced) {
  Db keeper = open(with(Background::kUpkeep));
  std::filesystem::rename(path(), path() + ".old");
  EXPECT_EQ(keeper.upkeep().status().code(), StatusCode::kIo);
}

TEST_F(UpkeepTest, TellsMembersApart) {
  Db one = open();
  Db other = open();
  const LockInfo info = one.lock_info().value();
  ASSERT_EQ(info.members.size(), 2u);
  EXPECT_NE(info.members[0].nonce, info.members[1].nonce);
  EXPECT_NE(info.members[0].start_time, 0u);
  EXPECT_EQ(info.members[0].start_time, info.members[1].start_time);
  EXPECT_NE(info.members[0].pid_namespace, 0u);
}

}  // namespace
}  // namespace tidelock
