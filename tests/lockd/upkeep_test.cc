// tidelock-lockd flushes, compacts, syncs and sweeps for all; and nothing depends on it.

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "lockd/kept_database.h"
#include "os/crash_point.h"
#include "support/seed.h"

namespace tidelock {
namespace {

class LockdUpkeepTest : public test::KeptDatabaseTest {
 protected:
  static int write(Db& db, const std::string& prefix, int count) {
    const std::string value(8 * 1024, 'v');
    for (int i = 0; i < count; ++i) {
      const Status status = db.put(prefix + std::to_string(i), value + std::to_string(i));
      if (status.ok()) continue;
      std::fprintf(stderr, "%s%d: %s\n", prefix.c_str(), i, status.to_string().c_str());
      return 1;
    }
    return 0;
  }
};

TEST_F(LockdUpkeepTest, IsDoneForClientsThatHaveNoThread) {
  Db db = open(client());
  const test::Lockd lockd = keep_with_metrics();
  std::vector<test::ChildProcess> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([this, i] {
      Db own = open(client());
      return write(own, std::to_string(i) + "-", 800);
    });
  }
  for (test::ChildProcess& process : clients) EXPECT_TRUE(test::exited_with(process.wait(), 0));
  EXPECT_TRUE(test::comes_true([&] { return db.stats()->sealed_memtables == 0; }));
  EXPECT_TRUE(test::comes_true([&] {
    const auto levels = db.stats()->levels;
    return levels.empty() || levels[0].level != 0 || levels[0].tables < 4;
  }));
  const Stats stats = db.stats().value();
  EXPECT_GE(stats.flushes, 10u);
  EXPECT_GE(stats.compactions, 1u);
  // The daemon counts what it has done when it has done it, moves of tables included.
  EXPECT_TRUE(test::comes_true([&] {
    return metric("tidelock_lockd_flushes_total") == metric("tidelock_flushes_total") &&
           metric("tidelock_lockd_compactions_total") >= metric("tidelock_compactions_total");
  })) << "clients did some: "
      << stats.flushes << ", " << stats.compactions << lockd.log();
  EXPECT_TRUE(db.check()->problems.empty());
}

TEST_F(LockdUpkeepTest, SyncsPeriodicWritesOfClientsThatMakeNoMoreCalls) {
  Options options = client();
  options.durability = Durability::kPeriodic;
  options.sync_period = std::chrono::hours(1);
  Db db = open(options);
  const test::Lockd lockd = keep({"--sync-period", "50ms"});
  ASSERT_TRUE(db.put("k", "v").ok());
  EXPECT_TRUE(test::comes_true([&] {
    const Stats stats = db.stats().value();
    return stats.log_durable == stats.log_end;
  }));
}

// Which a write may find out late: this one first wants a spare, and while it is about that,
// another fills the last memtable there may be. The keeper only promises.
TEST_F(LockdUpkeepTest, IsWaitedForByWritesThatAreCountedOnce) {
  Options options;
  options.background = Background::kUpkeep;
  const Db keeper = open(options);
  Db db = open(client());
  const std::string value(700 * 1024, 'v');  // each wants a memtable of its own
  constexpr int kSealedMax = 4;
  for (int i = 0; i < kSealedMax; ++i) ASSERT_TRUE(db.put("k", value).ok());
  test::ChildProcess child([&] {
    Db own = open(client());
    os::arm_crash_point("write.released", 1, SIGSTOP);
    return own.put("held", value).ok() ? 0 : 1;
  });
  child.wait_for_stop();
  ASSERT_TRUE(db.put("k", value).ok());
  ASSERT_EQ(db.stats()->sealed_memtables, std::uint64_t{kSealedMax});
  ASSERT_EQ(db.stats()->write_stalls, 0u);
  child.send(SIGCONT);
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
  EXPECT_EQ(db.stats()->write_stalls, 1u);
}

TEST_F(LockdUpkeepTest, OnceDoesWhatIsDueAndExits) {
  {
    Options options = client();
    Db db = open(options);
    EXPECT_EQ(write(db, "k", 400), 0);
    std::ofstream(path() + "/999999.sst") << "left over";
    const Db other = open(client());  // so that the first is not the last, and leaves its log
  }
  test::Lockd once({"--once", path()});
  EXPECT_EQ(once.wait(), 0) << once.log();
  EXPECT_NE(once.log().find("done database=" + path()), std::string::npos) << once.log();
  EXPECT_TRUE(files("999999").empty());
  Db db = open(client());
  EXPECT_EQ(db.stats()->sealed_memtables, 0u);
  EXPECT_EQ(db.stats()->sequence, 400u);
}

TEST_F(LockdUpkeepTest, OnceTellsByItsExitCodeWhatWentWrong) {
  EXPECT_EQ(test::Lockd({"--once", path()}).wait(), 1) << "nothing there";
  EXPECT_FALSE(std::filesystem::exists(path())) << "and nothing made";
  { const Db db = open(); }
  std::fstream current(path() + "/CURRENT");
  current.seekp(24);
  current.put('\xff');
  current.close();
  EXPECT_EQ(test::Lockd({"--once", path()}).wait(), 4);
}

TEST_F(LockdUpkeepTest, OnceGoesOnWithTheNextDatabase) {
  { const Db db = open(); }
  test::Lockd once({"--once", directory_.file("missing"), path()});
  EXPECT_EQ(once.wait(), 1);
  EXPECT_NE(once.log().find("done database=" + path()), std::string::npos) << once.log();
}

// Several on one directory, killed and started again while clients write.
TEST_F(LockdUpkeepTest, MayBeKilledAtAnyTime) {
  std::mt19937_64 random(test::random_seed());
  Db db = open(client());
  std::vector<test::ChildProcess> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back([this, i] {
      Db own = open(client());
      return write(own, std::to_string(i) + "-", 3'000);
    });
  }
  std::vector<test::Lockd> daemons;
  int killed = 0;
  const auto busy = [&] { return !clients[0].has_ended() || !clients[1].has_ended(); };
  while (busy() || killed < 10) {
    while (daemons.size() < 3) daemons.emplace_back(std::vector<std::string>{path()});
    os::sleep_for(std::chrono::milliseconds(random() % 60));
    const std::size_t victim = random() % daemons.size();
    std::vector<test::Lockd> left;
    for (std::size_t i = 0; i < daemons.size(); ++i) {
      if (i != victim) left.push_back(std::move(daemons[i]));
    }
    daemons[victim].send(SIGKILL);
    daemons.swap(left);
    ++killed;
  }
  for (test::ChildProcess& process : clients) EXPECT_TRUE(test::exited_with(process.wait(), 0));
  std::printf("%d daemons killed\n", killed);
  for (const char* prefix : {"0-", "1-"}) {
    for (int i = 0; i < 3'000; ++i) {
      ASSERT_TRUE(db.exists(prefix + std::to_string(i)).value()) << prefix << i;
    }
  }
  const CheckReport report = db.check().value();
  EXPECT_TRUE(report.problems.empty()) << report.problems.front();
  for (test::Lockd& daemon : daemons) EXPECT_EQ(daemon.stop(), 0) << daemon.log();
}

}  // namespace
}  // namespace tidelock
