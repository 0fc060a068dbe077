#include <sys/resource.h>

#include <cerrno>
#include <string>

#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/fault.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

using Found = std::optional<std::string>;

// Logs cannot be synced, and tables cannot be written instead.
class BrokenDisk : public os::SystemCallHook {
 public:
  BrokenDisk() { os::set_system_call_hook(this); }
  ~BrokenDisk() override { os::set_system_call_hook(nullptr); }
  os::SystemCallVerdict before(const os::SystemCallEvent& event) override {
    const bool fails = (event.call == os::SystemCall::kDataSync && event.path.ends_with(".wal")) ||
                       (event.call == os::SystemCall::kOpen && event.path.ends_with(".sst.tmp"));
    return {.error = fails ? EIO : 0};
  }
  void after(const os::SystemCallEvent&) override {}
};

// fdatasync of a log fails once: what it covered may be lost although the kernel will never say so
// again. It is then nowhere taken for durable until it has gone to tables.
class SyncFailureTest : public test::DatabaseTest {
 protected:
  static WriteOptions durable() { return {.durability = Durability::kDurable, .wait = {}}; }
  // Fails the sync that this write waits for.
  static Status put_with_failing_sync(Db& db, const std::string& key) {
    const test::Fault fault(os::SystemCall::kDataSync, {.error = EIO}, ".wal");
    Status status = db.put(key, "v", durable());
    EXPECT_EQ(fault.calls(), 1) << "not asked a second time";
    return status;
  }
  static bool all_durable(Db& db) {
    const Stats stats = db.stats().value();
    return stats.log_durable == stats.log_end;
  }
  static Options without_thread() {
    Options options;
    options.background = Background::kNone;
    return options;
  }
};

TEST_F(SyncFailureTest, TheWriteIsVisibleButNotDurableAndSaysWhy) {
  Db db = open(without_thread());
  const Status status = put_with_failing_sync(db, "k");
  EXPECT_EQ(status.code(), StatusCode::kNotDurable);
  EXPECT_NE(status.message().find(".wal"), std::string::npos) << status.message();
  EXPECT_EQ(db.get("k").value(), Found("v"));
}

TEST_F(SyncFailureTest, TheLogIsNeverSyncedAgain) {
  Db db = open(without_thread());
  const std::vector<std::string> logs = files("", ".wal");
  ASSERT_EQ(logs.size(), 1u);
  EXPECT_EQ(put_with_failing_sync(db, "k").code(), StatusCode::kNotDurable);
  const test::Fault counter(os::SystemCall::kDataSync, {}, logs[0]);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(db.put("later", "v", durable()).ok());
  EXPECT_EQ(counter.calls(), 0);
}

TEST_F(SyncFailureTest, AFileSizeLimitOfOneProcessCondemnsTheLogForNobody) {
  Db db = open(without_thread());
  for (int i = 0; i < 700; ++i) {
    ASSERT_TRUE(db.put("k" + std::to_string(i), std::string(1000, 'v')).ok());
  }
  const std::uint64_t rolls = db.stats().value().rolls;
  test::ChildProcess limited([this] {
    Result<Db> mine = Db::open(path(), without_thread());
    const rlimit limit{.rlim_cur = 512 << 10, .rlim_max = 512 << 10};
    if (!mine || ::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    return mine->sync().code() == StatusCode::kNotDurable ? 0 : 2;
  });
  EXPECT_TRUE(test::exited_with(limited.wait(), 0));
  EXPECT_TRUE(db.put("l", "v", durable()).ok());
  EXPECT_TRUE(all_durable(db));
  EXPECT_EQ(db.stats().value().rolls, rolls);
}

TEST_F(SyncFailureTest, AFullDiskAtASyncCondemnsTheLog) {
  Db db = open(without_thread());
  const test::Fault full(os::SystemCall::kDataSync, {.error = ENOSPC}, files("", ".wal").at(0));
  EXPECT_EQ(db.put("k", "v", durable()).code(), StatusCode::kNotDurable);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(db.put("later", "v", durable()).ok());
  EXPECT_EQ(full.calls(), 1);
}

TEST_F(SyncFailureTest, ItHealsByItselfWithABackgroundThread) {
  Db db = open();
  EXPECT_EQ(put_with_failing_sync(db, "k").code(), StatusCode::kNotDurable);
  EXPECT_TRUE(test::comes_true([&] { return all_durable(db); }));
  EXPECT_EQ(db.get("k", {.snapshot = nullptr, .durable_only = true}).value(), Found("v"));
  EXPECT_TRUE(db.put("l", "v", durable()).ok());
}

TEST_F(SyncFailureTest, ItHealsByItselfWithoutAThread) {
  Db db = open(without_thread());
  EXPECT_EQ(put_with_failing_sync(db, "k").code(), StatusCode::kNotDurable);
  EXPECT_TRUE(test::comes_true([&] { return db.put("l", "v", durable()).ok(); }));
  EXPECT_TRUE(all_durable(db));
}

TEST_F(SyncFailureTest, OtherProcessesKnowOfItAndCanHealIt) {
  Db db = open(without_thread());
  // Attached before, with the log open: asked by a pipe to look.
  int ask[2];
  ASSERT_EQ(::pipe(ask), 0);
  test::ChildProcess other([&] {
    ::close(ask[1]);
    Options options;
    options.background = Background::kNone;
    Result<Db> mine = Db::open(path(), options);
    char asked = 0;
    if (!mine || ::read(ask[0], &asked, 1) != 1) return 1;
    const auto seen = mine->get("k", {.snapshot = nullptr, .durable_only = true});
    if (!seen || *seen) return 2;
    if (mine->stats()->log_durable == mine->stats()->log_end) return 3;
    if (!mine->flush().ok()) return 4;
    return mine->put("healed", "v", durable()).ok() ? 0 : 5;
  });
  ::close(ask[0]);
  {
    const BrokenDisk broken;
    EXPECT_EQ(db.put("k", "v", durable()).code(), StatusCode::kNotDurable);
    EXPECT_EQ(db.put("l", "v", durable()).code(), StatusCode::kNotDurable) << "until it is healed";
    EXPECT_EQ(db.sync().code(), StatusCode::kNotDurable);
    EXPECT_TRUE(db.put("m", "v").ok());
  }
  ASSERT_EQ(::write(ask[1], "?", 1), 1);
  ::close(ask[1]);
  const int status = other.wait();
  EXPECT_TRUE(test::exited_with(status, 0)) << WEXITSTATUS(status);
  EXPECT_EQ(db.get("healed").value(), Found("v"));
  EXPECT_TRUE(db.sync().ok());
}

TEST_F(SyncFailureTest, NothingIsLostByClosingAndOpeningAfterIt) {
  {
    Db db = open(without_thread());
    EXPECT_EQ(put_with_failing_sync(db, "k").code(), StatusCode::kNotDurable);
    EXPECT_TRUE(db.close().ok());
  }
  Db db = open();
  EXPECT_EQ(db.get("k").value(), Found("v"));
  EXPECT_TRUE(db.put("l", "v", durable()).ok());
}

TEST_F(SyncFailureTest, APeriodicSyncThatFailsIsToldByClose) {
  Options options = without_thread();
  options.durability = Durability::kPeriodic;
  Db db = open(options);
  ASSERT_TRUE(db.put("k", "v").ok());
  const test::Fault fault(os::SystemCall::kDataSync, {.error = EIO}, ".wal");
  EXPECT_EQ(db.close().code(), StatusCode::kNotDurable);
}

}  // namespace
}  // namespace tidelock
