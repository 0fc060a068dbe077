#include <filesystem>
#include <memory>
#include <span>

#include "manifest/manifest_reader.h"
#include "manifest/manifest_writer.h"
#include "memtable/arena.h"
#include "os/file.h"
#include "os/mapping.h"
#include "state/file_names.h"
#include "state/shared_state.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

namespace fs = std::filesystem;

class CheckTest : public test::DatabaseTest {
 protected:
  CheckTest() {
    EXPECT_TRUE(db_.put("table", "1").ok());
    EXPECT_TRUE(db_.erase("erased").ok());
    EXPECT_TRUE(db_.flush().ok());
    EXPECT_TRUE(db_.put("log", "2").ok());
    EXPECT_TRUE(db_.erase("table").ok());
  }
  // All problems, one a line.
  static std::string problems(Db& db) {
    const Result<CheckReport> report = db.check();
    if (!report) return report.error().to_string();
    std::string text;
    for (const std::string& problem : report->problems) text += problem + "\n";
    return text;
  }
  [[nodiscard]] bool finds(const std::string& what) {
    const std::string found = problems(db_);
    EXPECT_NE(found.find(what), std::string::npos) << found;
    return found.find(what) != std::string::npos;
  }
  [[nodiscard]] std::unique_ptr<state::SharedState> state() const {
    return std::move(state::SharedState::map(path(), os::Protection::kReadWrite)).value();
  }

  Db db_ = open({.background = Background::kNone});
};

TEST_F(CheckTest, FindsNothingInASoundDatabase) {
  EXPECT_EQ(problems(db_), "");
  const CheckReport report = db_.check().value();
  EXPECT_EQ(report.entries, 2u) << "a tombstone is one";
  EXPECT_EQ(report.memtable_entries, 2u);
  EXPECT_EQ(report.log_records, 2u);
}

TEST_F(CheckTest, FindsAManifestCutBelowItsPublishedLength) {
  const std::string manifest = path() + "/" + files("MANIFEST-").front();
  const std::uint64_t length = (*state())->tables.load().value.manifest_length;
  ASSERT_TRUE(db_.flush().ok());
  ASSERT_TRUE(db_.refresh().ok());
  fs::resize_file(manifest, length);  // the last edit is gone, and nothing tells but STATE
  EXPECT_TRUE(finds("MANIFEST"));
}

TEST_F(CheckTest, FindsATableThatIsNotWhatTheManifestRemembers) {
  ASSERT_TRUE(db_.close().ok());
  auto live = manifest::open_live_manifest(path(), Access::kReadOnly);
  ASSERT_TRUE(live.has_value());
  ASSERT_TRUE(live->reader.read_all().ok());
  manifest::VersionEdit forged = manifest::version_snapshot(live->reader.version());
  ASSERT_EQ(forged.added.size(), 1u);
  auto meta = std::make_shared<manifest::FileMeta>(*forged.added.front().file);
  meta->largest += "x";
  forged.added.front().file = meta;
  constexpr std::uint64_t kNumber = 900;
  forged.next_file_number = kNumber + 1;
  manifest::Current current = live->current;
  current.manifest_number = kNumber;
  ASSERT_TRUE(manifest::create_manifest(path(), {current.uuid, kNumber}, forged, {}).has_value());
  ASSERT_TRUE(manifest::install_current(path(), current, {}).ok());
  fs::remove(path() + "/STATE");  // so that the next one goes by the manifest
  db_ = open({.background = Background::kNone});
  EXPECT_TRUE(finds(".sst: its properties"));
}

TEST_F(CheckTest, FindsMoreVisibleThanApplied) {
  (*state())->visible.fetch_add(1);
  EXPECT_TRUE(finds("more is visible than applied"));
}

TEST_F(CheckTest, FindsMoreDurableThanCommitted) {
  (*state())->durable_lsn.store(std::uint64_t{1} << 40);
  EXPECT_TRUE(finds("more is durable than committed"));
}

TEST_F(CheckTest, FindsMoreAppliedThanCommitted) {
  auto shared = state();
  state::Position beyond = (*shared)->end.load().value;
  beyond.lsn += 64;
  (*shared)->applied.publish(beyond.lsn, beyond);
  EXPECT_TRUE(finds("more is applied than committed"));
}

// Nobody else looks there.
TEST_F(CheckTest, FindsWhatFillsTheHeaderPageOfALog) {
  constexpr std::uint64_t kAt = 4095;
  const std::string log = path() + "/" + files("", ".wal").back();
  os::File file = std::move(os::File::open(log, os::FileAccess::kReadWrite)).value();
  ASSERT_TRUE(file.write(kAt, std::as_bytes(std::span("!", 1))).ok());
  EXPECT_TRUE(finds(log + " at 4095: it is not zero"));
  ASSERT_TRUE(db_.close().ok());
  fs::remove(path() + "/STATE");  // so that the next one goes by the logs
  db_ = open_for_reading();
  EXPECT_TRUE(finds(log + " at 4095: it is not zero"));
}

TEST_F(CheckTest, FindsAMemtableThatLacksWhatItsLogHolds) {
  const state::MemtableEntry entry = (*state())->memtables.load().value.active();
  os::File file = std::move(os::File::open(state::file_path(path(), state::FileKind::kArena,
                                                            entry.arena_number),
                                           os::FileAccess::kReadWrite))
                      .value();
  os::Mapping arena =
      std::move(os::Mapping::map(file, entry.arena_size, os::Protection::kReadWrite)).value();
  // Sound, but empty.
  ASSERT_TRUE(memtable::format(arena.bytes(), entry.arena_number, entry.arena_nonce).ok());
  EXPECT_TRUE(finds("lacks operation"));
}

}  // namespace
}  // namespace tidelock
