#include <gtest/gtest.h>

#include <map>
#include <string>

#include "support/child_process.h"
#include "support/temporary_directory.h"
#include "tidelock/db.h"

namespace tidelock {
namespace {

class DbTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return directory_.file("db"); }

  Db open(Options options = {}) const {
    options.mode = OpenMode::kCreateIfMissing;
    Result<Db> db = Db::open(path(), options);
    EXPECT_TRUE(db.has_value()) << db.status().to_string();
    return std::move(*db);
  }

  test::TemporaryDirectory directory_;
};

using Found = std::optional<std::string>;

TEST_F(DbTest, GetsWhatWasPut) {
  Db db = open();
  ASSERT_TRUE(db.put("tide", "high").ok());
  EXPECT_EQ(db.get("tide").value(), Found("high"));
  EXPECT_EQ(db.get("moon").value(), Found());
}

TEST_F(DbTest, TheLastPutOfAKeyCounts) {
  Db db = open();
  ASSERT_TRUE(db.put("k", "1").ok());
  ASSERT_TRUE(db.put("k", "2").ok());
  EXPECT_EQ(db.get("k").value(), Found("2"));
}

TEST_F(DbTest, AnErasedKeyIsGoneAndErasingAMissingOneIsNoError) {
  Db db = open();
  ASSERT_TRUE(db.put("k", "1").ok());
  ASSERT_TRUE(db.erase("k").ok());
  ASSERT_TRUE(db.erase("never").ok());
  EXPECT_FALSE(db.exists("k").value());
}

TEST_F(DbTest, KeepsEverythingAcrossReopening) {
  {
    Db db = open();
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(db.put("key" + std::to_string(i), "value" + std::to_string(i)).ok());
    }
    EXPECT_TRUE(db.close().ok());
  }
  Db db = open();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(db.get("key" + std::to_string(i)).value(), Found("value" + std::to_string(i)));
  }
}

TEST_F(DbTest, WalksBothWays) {
  Db db = open();
  for (const char* key : {"b", "a", "d", "c"}) ASSERT_TRUE(db.put(key, key).ok());
  ASSERT_TRUE(db.erase("c").ok());
  Iterator it = std::move(db.iterate()).value();
  std::string seen;
  for (it.next(); it.valid(); it.next()) seen += it.key();
  EXPECT_EQ(seen, "abd");
  for (it.prev(); it.valid(); it.prev()) seen += it.key();
  EXPECT_EQ(seen, "abddba");
  EXPECT_TRUE(it.status().ok());
}

TEST_F(DbTest, FlushAndCompactChangeNothingThatIsRead) {
  Db db = open();
  std::map<std::string, std::string> model;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 500; ++i) {
      const std::string key = "k" + std::to_string((i * 37 + round * 11) % 700);
      if (i % 7 == 0) {
        ASSERT_TRUE(db.erase(key).ok());
        model.erase(key);
      } else {
        const std::string value = std::to_string(round * 1000 + i);
        ASSERT_TRUE(db.put(key, value).ok());
        model[key] = value;
      }
    }
    const Status flushed = db.flush();
    ASSERT_TRUE(flushed.ok()) << flushed.to_string();
  }
  const Status compacted = db.compact();
  ASSERT_TRUE(compacted.ok()) << compacted.to_string();
  Iterator it = std::move(db.iterate()).value();
  auto expected = model.begin();
  for (it.next(); it.valid(); it.next(), ++expected) {
    ASSERT_NE(expected, model.end());
    EXPECT_EQ(it.key(), expected->first);
    EXPECT_EQ(it.value(), expected->second);
  }
  EXPECT_EQ(expected, model.end());
  const CheckReport report = db.check().value();
  EXPECT_TRUE(report.problems.empty()) << report.problems.front();
}

TEST_F(DbTest, ProcessesSeeEachOthersWritesAtOnce) {
  Db db = open();
  test::ChildProcess child([this] {
    Result<Db> mine = Db::open(path());
    if (!mine) return 1;
    return mine->put("from", "child").ok() ? 0 : 2;
  });
  ASSERT_TRUE(test::exited_with(child.wait(), 0));
  EXPECT_EQ(db.get("from").value(), Found("child"));
}

TEST_F(DbTest, AWriterKilledAfterItsAcknowledgementLosesNothing) {
  test::ChildProcess child([this] {
    Options options;
    options.mode = OpenMode::kCreate;
    Result<Db> mine = Db::open(path(), options);
    if (!mine || !mine->put("k", "v").ok()) return 1;
    ::raise(SIGKILL);
    return 0;
  });
  ASSERT_TRUE(test::killed_by(child.wait(), SIGKILL));
  Db db = open();
  EXPECT_EQ(db.get("k").value(), Found("v"));
}

TEST_F(DbTest, DurableWritesAndSyncSucceed) {
  Db db = open();
  ASSERT_TRUE(db.put("k", "v", {.durability = Durability::kDurable, .wait = {}}).ok());
  ASSERT_TRUE(db.put("k2", "v").ok());
  ASSERT_TRUE(db.sync().ok());
  const Stats stats = db.stats().value();
  EXPECT_EQ(stats.log_durable, stats.log_end);
}

}  // namespace
}  // namespace tidelock
