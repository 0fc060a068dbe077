#include <algorithm>
#include <fstream>

#include "memtable/arena.h"
#include "os/crash_point.h"
#include "os/mapping.h"
#include "support/child_process.h"
#include "support/open_database.h"
#include "wal/format.h"

namespace tidelock {
namespace {

using Found = std::optional<std::string>;

// A writer died after its commit, and the arena has no room left for what it did not insert, as
// after many such deaths.
class RedoTest : public test::DatabaseTest {
 protected:
  RedoTest() {
    EXPECT_TRUE(db_.put("first", "1").ok());
    test::ChildProcess child([this] {
      Result<Db> db = Db::open(path());
      os::arm_crash_point("commit.published", 1, SIGKILL);
      return db && db->put("second", "2").ok() ? 1 : 2;
    });
    EXPECT_TRUE(test::killed_by(child.wait(), SIGKILL));
    os::File file = std::move(os::File::open(oldest(".mem"), os::FileAccess::kReadWrite)).value();
    const std::uint64_t size = file.size().value();
    os::Mapping arena = std::move(os::Mapping::map(file, size, os::Protection::kReadWrite)).value();
    reinterpret_cast<memtable::ArenaHeader*>(arena.bytes().data())->entries_end.store(size);
  }
  [[nodiscard]] std::string oldest(const std::string& suffix) const {
    const auto names = files("", suffix);
    return path() + "/" + *std::min_element(names.begin(), names.end());
  }

  Db db_ = open({.background = Background::kNone});
};

TEST_F(RedoTest, FillsANewArenaFromTheLog) {
  ASSERT_TRUE(db_.put("third", "3").ok());
  EXPECT_EQ(db_.get("first").value(), Found("1"));
  EXPECT_EQ(db_.get("second").value(), Found("2"));
  EXPECT_EQ(db_.get("third").value(), Found("3"));
}

TEST_F(RedoTest, PublishesNoArenaThatLacksARecord) {
  {
    std::fstream log(oldest(".wal"), std::ios::in | std::ios::out | std::ios::binary);
    log.seekp(wal::kHeaderSize + sizeof(wal::RecordHeader) + 2);
    log.put('!');
  }
  const Status status = db_.put("third", "3");
  EXPECT_EQ(status.code(), StatusCode::kCorruption) << status.to_string();
  EXPECT_NE(status.message().find(".wal"), std::string::npos) << status.message();
  EXPECT_EQ(db_.get("first").value(), Found("1")) << "the old arena still has it";
}

// The arena of a memtable is damaged under a running database.
class DamagedArenaTest : public test::DatabaseTest {
 protected:
  DamagedArenaTest() {
    for (int i = 0; i < 500; ++i) EXPECT_TRUE(db_.put("k" + std::to_string(i), "value").ok());
  }
  [[nodiscard]] std::string arena() const { return path() + "/" + files("", ".mem").at(0); }
  void overwrite() const {
    std::fstream file(arena(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20'000);
    file << std::string(2'000, '!');
  }
  void expect_flushed_from_the_log() {
    ASSERT_TRUE(db_.flush().ok());
    for (int i = 0; i < 500; ++i) {
      ASSERT_EQ(db_.get("k" + std::to_string(i)).value(), Found("value")) << i;
    }
    EXPECT_TRUE(db_.check().value().problems.empty());
  }

  Db db_ = open({.background = Background::kNone});
};

TEST_F(DamagedArenaTest, IsFlushedFromItsLogWhenBytesAreOverwritten) {
  overwrite();
  expect_flushed_from_the_log();
}

TEST_F(DamagedArenaTest, IsFlushedFromItsLogWhenAByteOfAValueIsOverwritten) {
  std::fstream file(arena(), std::ios::in | std::ios::out | std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  const std::size_t entry = bytes.find("k250value");
  ASSERT_NE(entry, std::string::npos);
  file.clear();
  file.seekp(static_cast<std::streamoff>(entry) + 4);
  file << 'V' << std::flush;
  expect_flushed_from_the_log();
}

TEST_F(DamagedArenaTest, IsFlushedFromItsLogWhenItsFileIsRemoved) {
  std::filesystem::remove(arena());
  expect_flushed_from_the_log();
}

TEST_F(DamagedArenaTest, IsFlushedFromItsLogAlsoBeforeARecordThatWasNeverCommitted) {
  test::ChildProcess child([this] {
    Result<Db> db = Db::open(path());
    os::arm_crash_point("wal.record_copied", 1, SIGKILL);
    return db && db->put("phantom", "2").ok() ? 1 : 2;
  });
  EXPECT_TRUE(test::killed_by(child.wait(), SIGKILL));
  overwrite();
  expect_flushed_from_the_log();
  EXPECT_EQ(db_.get("phantom").value(), Found());
}

TEST_F(DamagedArenaTest, IsFilledAnewByTheWriteThatMeetsTheDamage) {
  overwrite();
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(db_.put("k" + std::to_string(i), "value").ok()) << i;
  ASSERT_TRUE(db_.put("another", "value").ok());
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(db_.get("k" + std::to_string(i)).value(), Found("value")) << i;
  }
  EXPECT_TRUE(db_.check().value().problems.empty());
  EXPECT_TRUE(db_.close().ok());
}

TEST_F(DamagedArenaTest, IsFilledAnewByAProcessThatComesWhenItsFileIsGone) {
  std::filesystem::remove(arena());
  test::ChildProcess child([this] {
    Result<Db> db = Db::open(path());
    return db && db->put("another", "value").ok() ? 0 : 1;
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
  EXPECT_EQ(db_.get("another").value(), Found("value"));
  EXPECT_EQ(db_.get("k7").value(), Found("value"));
}

}  // namespace
}  // namespace tidelock
