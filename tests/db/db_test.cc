#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "os/crash_point.h"

#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

using Found = std::optional<std::string>;

class DbContractTest : public test::DatabaseTest {};

TEST_F(DbContractTest, KeysAndValuesAreAnyBytes) {
  Db db = open();
  const std::string zero("\0\xff\0", 3);
  const std::string long_key(kKeySizeMax, '\xfe');
  ASSERT_TRUE(db.put("", "empty key").ok());
  ASSERT_TRUE(db.put(zero, zero).ok());
  ASSERT_TRUE(db.put(long_key, "").ok());
  for (int flushed = 0; flushed < 2; ++flushed) {
    EXPECT_EQ(db.get("").value(), Found("empty key"));
    EXPECT_EQ(db.get(zero).value(), Found(zero));
    EXPECT_EQ(db.get(long_key).value(), Found(""));
    ASSERT_TRUE(db.flush().ok());
  }
}

TEST_F(DbContractTest, WhatIsTooLargeIsRefusedAndChangesNothing) {
  Db db = open();
  const std::uint64_t before = db.stats().value().sequence;
  EXPECT_EQ(db.put(std::string(kKeySizeMax + 1, 'k'), "v").code(), StatusCode::kTooLarge);
  EXPECT_EQ(db.stats().value().sequence, before);
}

TEST_F(DbContractTest, AValueLargerThanAMemtableGetsOneOfItsOwn) {
  Db db = open();
  const std::string huge(20 << 20, 'h');
  ASSERT_TRUE(db.put("before", "1").ok());
  ASSERT_TRUE(db.put("huge", huge).ok());
  ASSERT_TRUE(db.put("after", "2").ok());
  for (int flushed = 0; flushed < 2; ++flushed) {
    EXPECT_TRUE(db.get("huge").value() == huge);
    EXPECT_EQ(db.get("before").value(), Found("1"));
    EXPECT_EQ(db.get("after").value(), Found("2"));
    ASSERT_TRUE(db.flush().ok());
  }
}

TEST_F(DbContractTest, PutIfComparesAndSwaps) {
  Db db = open();
  EXPECT_TRUE(db.put_if("k", std::nullopt, "1").value());
  EXPECT_FALSE(db.put_if("k", std::nullopt, "2").value());
  EXPECT_FALSE(db.put_if("k", "0", "2").value());
  EXPECT_TRUE(db.put_if("k", "1", "2").value());
  EXPECT_EQ(db.get("k").value(), Found("2"));
  EXPECT_TRUE(db.put_if("k", "2", std::nullopt).value());
  EXPECT_EQ(db.get("k").value(), Found());
  EXPECT_TRUE(db.put_if("k", std::nullopt, std::nullopt).value());
}

TEST_F(DbContractTest, PutIfCountsExactlyAcrossProcesses) {
  Db db = open();
  ASSERT_TRUE(db.put("n", "0").ok());
  constexpr int kProcesses = 4;
  constexpr int kEach = 200;
  std::vector<test::ChildProcess> children;
  for (int i = 0; i < kProcesses; ++i) {
    children.emplace_back([this] {
      Result<Db> mine = Db::open(path());
      if (!mine) return 1;
      for (int done = 0; done < kEach;) {
        const auto now = mine->get("n");
        if (!now || !*now) return 2;
        const auto swapped = mine->put_if("n", **now, std::to_string(std::stoi(**now) + 1));
        if (!swapped) return 3;
        done += *swapped ? 1 : 0;
      }
      return 0;
    });
  }
  for (auto& child : children) EXPECT_TRUE(test::exited_with(child.wait(), 0));
  EXPECT_EQ(db.get("n").value(), Found(std::to_string(kProcesses * kEach)));
}

TEST_F(DbContractTest, ASnapshotNeverChanges) {
  Db db = open();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(db.put("k" + std::to_string(i), "old").ok());
  const Snapshot snapshot = db.snapshot().value();
  const std::string filler(2000, 'f');
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(db.put("k" + std::to_string(i % 100), filler).ok());
    if (i % 3 == 0) {
      ASSERT_TRUE(db.erase("k" + std::to_string(i % 100)).ok());
    }
  }
  ASSERT_TRUE(db.compact().ok());
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(db.get("k" + std::to_string(i), {.snapshot = &snapshot}).value(), Found("old"));
  }
  Iterator it =
      std::move(db.iterate({.range = {}, .prefix = "", .read = {.snapshot = &snapshot}})).value();
  int count = 0;
  for (it.next(); it.valid(); it.next()) count += it.value() == "old" ? 1 : 0;
  EXPECT_EQ(count, 100);
}

TEST_F(DbContractTest, ReadsDurableOnlyWhatWouldSurviveAPowerCut) {
  Db db = open();
  ASSERT_TRUE(db.put("k", "safe", {.durability = Durability::kDurable, .wait = {}}).ok());
  ASSERT_TRUE(db.put("k", "not yet").ok());
  const ReadOptions durable{.snapshot = nullptr, .durable_only = true};
  EXPECT_EQ(db.get("k").value(), Found("not yet"));
  EXPECT_EQ(db.get("k", durable).value(), Found("safe"));
  ASSERT_TRUE(db.sync().ok());
  EXPECT_EQ(db.get("k", durable).value(), Found("not yet"));
}

TEST_F(DbContractTest, OneStepFormsAreStrict) {
  Db db = open();
  EXPECT_FALSE(db.min().value().has_value());
  for (const char* key : {"b", "d", "f"}) ASSERT_TRUE(db.put(key, key).ok());
  EXPECT_EQ(db.min().value()->key, "b");
  EXPECT_EQ(db.max().value()->key, "f");
  EXPECT_EQ(db.above("b").value()->key, "d");
  EXPECT_EQ(db.above("c").value()->key, "d");
  EXPECT_EQ(db.below("d").value()->key, "b");
  EXPECT_FALSE(db.above("f").value().has_value());
  EXPECT_FALSE(db.below("b").value().has_value());
}

TEST_F(DbContractTest, IterationKeepsToBoundsAndPrefix) {
  Db db = open();
  for (const char* key : {"a", "b1", "b2", "b3", "c"}) ASSERT_TRUE(db.put(key, "").ok());
  const auto walk = [&db](const IterateOptions& options) {
    Iterator it = std::move(db.iterate(options)).value();
    std::string forward;
    for (it.next(); it.valid(); it.next()) forward += std::string(it.key()) + " ";
    std::string backward;
    for (it.prev(); it.valid(); it.prev()) backward = std::string(it.key()) + " " + backward;
    EXPECT_EQ(forward, backward);
    return forward;
  };
  EXPECT_EQ(walk({}), "a b1 b2 b3 c ");
  EXPECT_EQ(walk({.range = {.lower = "b1", .upper = "b3"}, .prefix = "", .read = {}}), "b1 b2 ");
  EXPECT_EQ(walk({.range = {}, .prefix = "b", .read = {}}), "b1 b2 b3 ");
  EXPECT_EQ(walk({.range = {.lower = "b2", .upper = {}}, .prefix = "b", .read = {}}), "b2 b3 ");
  EXPECT_EQ(
      db.iterate({.range = {.lower = "z", .upper = "a"}, .prefix = "", .read = {}}).status().code(),
      StatusCode::kInvalid);
}

TEST_F(DbContractTest, AnIteratorComesBackFromBeyondItsEnds) {
  Db db = open();
  for (const char* key : {"a", "b"}) ASSERT_TRUE(db.put(key, "").ok());
  Iterator it = std::move(db.iterate()).value();
  EXPECT_FALSE(it.valid());
  it.seek_last();
  it.next();
  EXPECT_FALSE(it.valid());
  it.next();
  it.prev();
  ASSERT_TRUE(it.valid());
  EXPECT_EQ(it.key(), "b");
  it.seek_first();
  it.prev();
  EXPECT_FALSE(it.valid());
  it.next();
  EXPECT_EQ(it.key(), "a");
  it.next();
  it.prev();
  EXPECT_EQ(it.key(), "a");
}

TEST_F(DbContractTest, ViewsThatOutliveTheHandleAnswerClosedAndPinnedBytesStay) {
  std::optional<Db> db(open());
  ASSERT_TRUE(db->put("k", "v").ok());
  const PinnedValue pinned = *db->get_pinned("k").value();
  const Snapshot snapshot = db->snapshot().value();
  Iterator it = std::move(db->iterate()).value();
  it.next();
  ASSERT_TRUE(it.valid());
  ASSERT_TRUE(db->close().ok());
  EXPECT_FALSE(it.valid());
  EXPECT_EQ(it.status().code(), StatusCode::kClosed);
  it.next();
  EXPECT_EQ(it.status().code(), StatusCode::kClosed);
  EXPECT_EQ(db->get("k").status().code(), StatusCode::kClosed);
  EXPECT_EQ(db->put("k", "w").code(), StatusCode::kClosed);
  EXPECT_EQ(db->close().code(), StatusCode::kClosed);
  Db another = open();
  EXPECT_EQ(another.get("k", {.snapshot = &snapshot}).status().code(), StatusCode::kClosed);
  db.reset();
  EXPECT_EQ(pinned.view(), "v");
}

TEST_F(DbContractTest, AForkedChildsHandleAnswersForkedAndDisturbsNothing) {
  Db db = open();
  ASSERT_TRUE(db.put("k", "v").ok());
  Iterator it = std::move(db.iterate()).value();
  it.next();
  test::ChildProcess child([&] {
    if (db.get("k").status().code() != StatusCode::kForked) return 1;
    if (db.put("k", "w").code() != StatusCode::kForked) return 2;
    if (db.close().code() != StatusCode::kForked) return 3;
    it.next();
    if (it.status().code() != StatusCode::kForked) return 4;
    Db moved = std::move(db);  // destroyed here
    Result<Db> mine = Db::open(path());
    return mine && mine->put("child", "here").ok() ? 0 : 5;
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
  EXPECT_EQ(db.get("k").value(), Found("v"));
  EXPECT_EQ(db.get("child").value(), Found("here"));
  ASSERT_TRUE(db.put("k", "w").ok());
}

TEST_F(DbContractTest, ABusyWriterIsNamed) {
  Db db = open();
  test::ChildProcess holder([this] {
    Options options;
    options.label = "the holder";
    Result<Db> mine = Db::open(path(), options);
    if (!mine) return 1;
    // A condition runs under the writer lock; this one never returns.
    struct Stopper {
      static void stop(const char* name) {
        if (std::string_view(name) == "commit.begun") ::raise(SIGSTOP);
      }
    };
    os::set_crash_point_visitor(Stopper::stop);
    return mine->put("k", "v").ok() ? 0 : 2;
  });
  holder.wait_for_stop();
  WriteOptions at_once;
  at_once.wait = Wait{.policy = Wait::Policy::kFailFast, .deadline = {}, .backoff = {}};
  const Status busy = db.put("other", "v", at_once);
  EXPECT_EQ(busy.code(), StatusCode::kBusy);
  ASSERT_NE(busy.busy(), nullptr);
  EXPECT_EQ(busy.busy()->holder_pid, holder.pid());
  EXPECT_EQ(busy.busy()->holder_label, "the holder");
  WriteOptions shortly;
  shortly.wait = Wait{
      .policy = Wait::Policy::kQueue, .deadline = std::chrono::milliseconds(50), .backoff = {}};
  EXPECT_EQ(db.put("other", "v", shortly).code(), StatusCode::kTimedOut);
  WriteOptions thrice;
  thrice.wait = Wait{.policy = Wait::Policy::kBackoff,
                     .deadline = Wait::kForEver,
                     .backoff = {.cap = std::chrono::microseconds(200), .tries = 3}};
  EXPECT_EQ(db.put("other", "v", thrice).code(), StatusCode::kBusy) << "its tries are used up";
  EXPECT_EQ(db.get("other").value(), Found()) << "nothing was changed";
  EXPECT_FALSE(db.get("k").value()) << "readers go on";
  holder.send(SIGKILL);
  holder.wait();
  EXPECT_TRUE(db.put("other", "v").ok());
}

TEST_F(DbContractTest, PeriodicWritesAreSyncedWithinTheirPeriod) {
  Options options;
  options.durability = Durability::kPeriodic;
  options.sync_period = std::chrono::milliseconds(20);
  Db db = open(options);
  ASSERT_TRUE(db.put("k", "v").ok());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (;;) {
    const Stats stats = db.stats().value();
    if (stats.log_durable == stats.log_end) break;
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "never synced";
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST_F(DbContractTest, WithoutAThreadPeriodicWritesAreSyncedByTheNextCallAndByClose) {
  Options options;
  options.durability = Durability::kPeriodic;
  options.sync_period = std::chrono::milliseconds(5);
  options.background = Background::kNone;
  Db db = open(options);
  ASSERT_TRUE(db.put("k", "v").ok());
  const std::uint64_t end = db.stats().value().log_end;
  EXPECT_LT(db.stats().value().log_durable, end) << "nobody is there to sync it";
  std::this_thread::sleep_for(std::chrono::milliseconds(6));
  ASSERT_TRUE(db.put("l", "v").ok());
  EXPECT_GE(db.stats().value().log_durable, end);
  Db other = open();
  ASSERT_TRUE(db.put("m", "v").ok());
  ASSERT_TRUE(db.close().ok());
  EXPECT_EQ(other.stats().value().log_durable, other.stats().value().log_end);
}

TEST_F(DbContractTest, PeriodicWritesOfADeadProcessAreSyncedByAnother) {
  Options options;
  options.sync_period = std::chrono::milliseconds(20);
  Db db = open(options);
  test::ChildProcess child([&] {
    Options periodic = options;
    periodic.durability = Durability::kPeriodic;
    periodic.sync_period = std::chrono::hours(1);
    Result<Db> mine = Db::open(path(), periodic);
    if (mine && mine->put("k", "v").ok()) ::raise(SIGKILL);
    return 1;
  });
  ASSERT_TRUE(test::killed_by(child.wait(), SIGKILL));
  const std::uint64_t end = db.stats().value().log_end;
  EXPECT_LT(db.stats().value().log_durable, end);
  ASSERT_TRUE(db.put("l", "v").ok());
  EXPECT_TRUE(test::comes_true([&] { return db.stats().value().log_durable >= end; }));
}

TEST_F(DbContractTest, CloseSyncsPeriodicWritesWhateverTheHandlesDurability) {
  Options options;
  options.sync_period = std::chrono::hours(1);
  Db other = open(options);
  Db db = open(options);
  ASSERT_TRUE(db.put("k", "v", {.durability = Durability::kPeriodic, .wait = {}}).ok());
  ASSERT_TRUE(db.close().ok());
  EXPECT_EQ(other.stats().value().log_durable, other.stats().value().log_end);
}

TEST_F(DbContractTest, CompactingLeavesNoTombstones) {
  Db db = open();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(db.put("k" + std::to_string(i), "v").ok());
  ASSERT_TRUE(db.flush().ok());
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(db.erase("k" + std::to_string(i)).ok());
  ASSERT_TRUE(db.compact().ok());
  std::uint64_t entries = 0;
  const Stats stats = db.stats().value();
  for (const TableStats& table : stats.tables) entries += table.entries;
  EXPECT_EQ(entries, 0u);
}

// Mappings of removed files of the database in this process.
int removed_but_kept(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find(path) != std::string::npos && line.ends_with("(deleted)")) ++count;
  }
  return count;
}

TEST_F(DbContractTest, RefreshLetsGoOfALogThatWasOnlySynced) {
  Options options;
  options.background = Background::kNone;
  Db writer = open(options);
  Db idle = open(options);
  ASSERT_TRUE(writer.put("k", "1").ok());
  ASSERT_TRUE(idle.sync().ok());
  ASSERT_TRUE(writer.flush().ok());
  ASSERT_TRUE(writer.put("k", "2").ok());
  ASSERT_TRUE(writer.refresh().ok());
  EXPECT_GT(removed_but_kept(path()), 0);
  ASSERT_TRUE(idle.refresh().ok());
  EXPECT_EQ(removed_but_kept(path()), 0);
}

TEST_F(DbContractTest, RefreshLetsGoOfFilesThatAreInTables) {
  Options options;
  options.background = Background::kNone;
  Db idle = open(options);
  ASSERT_TRUE(idle.put("k", "v").ok());
  ASSERT_EQ(idle.get("k").value(), Found("v"));
  test::ChildProcess other([this] {
    Result<Db> mine = Db::open(path());
    return mine && mine->put("l", "v").ok() && mine->flush().ok() ? 0 : 1;
  });
  ASSERT_TRUE(test::exited_with(other.wait(), 0));
  EXPECT_GT(removed_but_kept(path()), 0);
  ASSERT_TRUE(idle.refresh().ok());
  EXPECT_EQ(removed_but_kept(path()), 0);
}

TEST_F(DbContractTest, ASnapshotOfAnotherDatabaseIsInvalid) {
  Db db = open();
  Options options;
  options.mode = OpenMode::kCreate;
  Db other = std::move(Db::open(directory_.file("other"), options)).value();
  const Snapshot snapshot = other.snapshot().value();
  EXPECT_EQ(db.get("k", {.snapshot = &snapshot}).status().code(), StatusCode::kInvalid);
  EXPECT_EQ(
      db.iterate({.range = {}, .prefix = "", .read = {.snapshot = &snapshot}}).status().code(),
      StatusCode::kInvalid);
}

TEST_F(DbContractTest, EveryCompressionReadsTheSameBothWays) {
  for (const Compression compression :
       {Compression::kNone, Compression::kLz4, Compression::kZstd}) {
    Options options;
    options.mode = OpenMode::kCreate;
    options.fixed.compression = compression;
    const std::string name = directory_.file(std::to_string(static_cast<int>(compression)));
    Db db = std::move(Db::open(name, options)).value();
    for (int i = 1000; i < 3000; ++i) {
      ASSERT_TRUE(db.put("k" + std::to_string(i), std::string(300, 'v') + std::to_string(i)).ok());
    }
    ASSERT_TRUE(db.compact().ok());
    Iterator it = std::move(db.iterate()).value();
    int i = 1000;
    for (it.next(); it.valid(); it.next(), ++i) {
      ASSERT_EQ(it.key(), "k" + std::to_string(i));
      ASSERT_TRUE(it.value().ends_with(std::to_string(i)));
    }
    EXPECT_EQ(i, 3000);
    for (it.prev(); it.valid(); it.prev()) ASSERT_EQ(it.key(), "k" + std::to_string(--i));
    EXPECT_EQ(i, 1000);
    EXPECT_TRUE(db.get_pinned("k2999").value()->view().ends_with("2999"));
  }
}

TEST_F(DbContractTest, BackgroundNoneFlushesAndCompactsBetweenItsWrites) {
  Options options;
  options.background = Background::kNone;
  Db db = open(options);
  const std::string value(1000, 'v');
  for (int i = 0; i < 12'000; ++i) {
    ASSERT_TRUE(db.put("k" + std::to_string(i * 7919 % 5000), value).ok());
  }
  const Stats stats = db.stats().value();
  EXPECT_GT(stats.flushes, 5u);
  EXPECT_GT(stats.compactions, 0u);
}

TEST_F(DbContractTest, LockInfoListsWhoIsAttached) {
  Options options;
  options.label = "first";
  Db db = open(options);
  options.label = "second";
  Db other = open(options);
  const LockInfo info = db.lock_info().value();
  std::set<std::string> labels;
  for (const LockMember& member : info.members) {
    if (member.alive) labels.insert(member.label);
  }
  EXPECT_EQ(labels, (std::set<std::string>{"first", "second"}));
}

}  // namespace
}  // namespace tidelock
