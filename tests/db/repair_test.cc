#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>

#include "os/system_call.h"
#include "support/child_process.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

namespace fs = std::filesystem;
using Effect = RepairFinding::Effect;
using Entries = std::map<std::string, std::string>;

// A database with tables on two levels and a log, closed; and what it holds.
class RepairTest : public test::DatabaseTest {
 protected:
  RepairTest() {
    Db db = open({.background = Background::kNone});
    for (int i = 0; i < 300; ++i) put(db, i, "old");
    EXPECT_TRUE(db.compact().ok());
    for (int i = 0; i < 300; i += 3) put(db, i, "new");
    for (int i = 1; i < 300; i += 10) erase(db, i);
    EXPECT_TRUE(db.flush().ok());
    for (int i = 2; i < 300; i += 7) put(db, i, "newest");
    erase(db, 5);
    EXPECT_TRUE(db.close().ok());
  }

  static std::string key(int i) { return "key" + std::to_string(1000 + i); }
  void put(Db& db, int i, const std::string& value) {
    EXPECT_TRUE(db.put(key(i), value + std::to_string(i)).ok());
    entries_[key(i)] = value + std::to_string(i);
  }
  void erase(Db& db, int i) {
    EXPECT_TRUE(db.erase(key(i)).ok());
    entries_.erase(key(i));
  }

  [[nodiscard]] std::string into() const { return directory_.file("saved"); }
  [[nodiscard]] RepairReport repaired() {
    Options options;
    options.background = Background::kNone;
    options.fixed.memtable_size = std::size_t{1} << 20;
    Result<RepairReport> report = Db::repair(path(), into(), options);
    EXPECT_TRUE(report.has_value()) << report.status().to_string();
    return report ? *report : RepairReport{};
  }
  [[nodiscard]] Entries saved() const {
    Options options;
    options.background = Background::kNone;
    Result<Db> db = Db::open(into(), options);
    EXPECT_TRUE(db.has_value()) << db.status().to_string();
    EXPECT_TRUE(db->check().value().problems.empty());
    Entries found;
    Result<Iterator> at = db->iterate();
    for (at->seek_first(); at->valid(); at->next()) found.emplace(at->key(), at->value());
    EXPECT_TRUE(at->status().ok());
    return found;
  }
  void overwrite(const std::string& name, std::streamoff offset, std::size_t length) const {
    std::fstream file(path() + "/" + name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offset);
    file << std::string(length, '\x5a');
  }
  static std::string told(const RepairReport& report) {
    std::string text;
    for (const RepairFinding& finding : report.findings) {
      text += std::to_string(static_cast<int>(finding.effect)) + " " + finding.file + " " +
              std::to_string(finding.from) + ": " + finding.what + "\n";
    }
    return text;
  }

  Entries entries_;
};

TEST_F(RepairTest, OfASoundDatabaseFindsNothingAndKeepsAll) {
  const RepairReport report = repaired();
  EXPECT_TRUE(report.findings.empty()) << told(report);
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(report.entries, entries_.size());
  EXPECT_EQ(report.tables, 2u);
  EXPECT_EQ(saved(), entries_);
}

TEST_F(RepairTest, ChangesNothingOfTheDamagedDatabase) {
  overwrite(files("", ".sst").front(), 10, 5);
  std::map<std::string, std::string> before;
  const auto contents = [this] {
    std::map<std::string, std::string> all;
    for (const auto& file : fs::directory_iterator(path())) {
      std::ifstream in(file.path(), std::ios::binary);
      all[file.path()] = std::string(std::istreambuf_iterator<char>(in), {});
    }
    return all;
  };
  before = contents();
  (void)repaired();
  EXPECT_TRUE(contents() == before);
}

TEST_F(RepairTest, NeedsNeitherCurrentNorManifest) {
  fs::remove(path() + "/CURRENT");
  fs::remove(path() + "/" + files("MANIFEST-").front());
  const RepairReport report = repaired();
  EXPECT_FALSE(report.complete()) << "which tables counted is not known";
  EXPECT_EQ(saved(), entries_) << told(report);
}

TEST_F(RepairTest, PassesOverADamagedBlockAndNamesItsKeys) {
  const std::string table = files("", ".sst").back();
  overwrite(table, 100, 5);
  const RepairReport report = repaired();
  ASSERT_EQ(report.findings.size(), 1u) << told(report);
  const RepairFinding& lost = report.findings.front();
  EXPECT_EQ(lost.effect, Effect::kLost);
  EXPECT_EQ(lost.file, table);
  EXPECT_EQ(lost.from, 0u) << "the first block";
  EXPECT_LT(lost.to, fs::file_size(path() + "/" + table));
  for (const auto& [key, value] : saved()) {
    const bool excused = key >= *lost.keys.lower && key < *lost.keys.upper;
    EXPECT_TRUE(excused || (entries_.contains(key) && entries_[key] == value)) << key;
  }
}

TEST_F(RepairTest, FindsBlocksWithoutIndexAndFooter) {
  for (const std::string& table : files("", ".sst"))
    overwrite(table, fs::file_size(path() + "/" + table) - 50, 50);
  const RepairReport report = repaired();
  EXPECT_TRUE(report.complete()) << told(report);
  EXPECT_EQ(saved(), entries_);
}

TEST_F(RepairTest, GoesOnBehindADamagedLogRecord) {
  const std::string log = files("", ".wal").back();
  // In the first record's payload: one put.
  overwrite(log, 4096 + 48 + 3, 2);
  const RepairReport report = repaired();
  ASSERT_EQ(report.findings.size(), 1u) << told(report);
  EXPECT_EQ(report.findings.front().effect, Effect::kLost);
  EXPECT_EQ(report.findings.front().from, 4096u);
  EXPECT_EQ(report.log_records, 43u);
  Entries expected = entries_;
  expected[key(2)] = "old2";
  EXPECT_EQ(saved(), expected);
}

TEST_F(RepairTest, ReportsALogThatIsGone) {
  for (const std::string& log : files("", ".wal")) fs::remove(path() + "/" + log);
  const RepairReport report = repaired();
  EXPECT_FALSE(report.complete());
  EXPECT_NE(told(report).find(".wal"), std::string::npos) << told(report);
}

TEST_F(RepairTest, TakesTwoTablesUnderEachOthersNames) {
  const std::vector<std::string> tables = files("", ".sst");
  ASSERT_EQ(tables.size(), 2u);
  fs::rename(path() + "/" + tables[0], path() + "/x");
  fs::rename(path() + "/" + tables[1], path() + "/" + tables[0]);
  fs::rename(path() + "/x", path() + "/" + tables[1]);
  const RepairReport report = repaired();
  EXPECT_EQ(report.findings.size(), 2u) << told(report);
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(saved(), entries_);
}

TEST_F(RepairTest, IsRefusedWhileAnybodyHasTheDatabaseOpen) {
  Db db = open({.background = Background::kNone});
  EXPECT_EQ(Db::repair(path(), into()).status().code(), StatusCode::kBusy);
  EXPECT_FALSE(fs::exists(into()));
}

TEST_F(RepairTest, TouchesNoDatabaseThatIsThereAlready) {
  ASSERT_EQ(repaired().entries, entries_.size());
  EXPECT_EQ(Db::repair(path(), into()).status().code(), StatusCode::kExists);
  EXPECT_EQ(Db::repair(path(), path()).status().code(), StatusCode::kInvalid);
  EXPECT_EQ(saved(), entries_);
}

// The directory of a database that is made cannot be synced once CURRENT is there.
class UnsyncedCurrent : public os::SystemCallHook {
 public:
  explicit UnsyncedCurrent(std::string current) : current_(std::move(current)) {
    os::set_system_call_hook(this);
  }
  ~UnsyncedCurrent() override { os::set_system_call_hook(nullptr); }
  UnsyncedCurrent(const UnsyncedCurrent&) = delete;
  UnsyncedCurrent& operator=(const UnsyncedCurrent&) = delete;

  os::SystemCallVerdict before(const os::SystemCallEvent& event) override {
    const bool due =
        event.call == os::SystemCall::kSyncDirectory && ::access(current_.c_str(), F_OK) == 0;
    met_ = met_ || due;
    return {.error = due ? EIO : 0};
  }
  void after(const os::SystemCallEvent&) override {}
  [[nodiscard]] bool met() const { return met_; }

 private:
  std::string current_;
  bool met_ = false;
};

TEST_F(RepairTest, ThatFailsLeavesNoEmptyDatabase) {
  const UnsyncedCurrent unsynced(into() + "/CURRENT");
  EXPECT_EQ(Db::repair(path(), into()).status().code(), StatusCode::kNotDurable);
  EXPECT_TRUE(unsynced.met());
  EXPECT_FALSE(fs::exists(into()));
}

TEST(Repair, RefusesADirectoryWithoutADatabase) {
  const test::TemporaryDirectory directory;
  fs::create_directory(directory.file("empty"));
  EXPECT_EQ(Db::repair(directory.file("empty"), directory.file("new")).status().code(),
            StatusCode::kNotFound);
  std::ofstream(directory.file("empty/CURRENT")) << "MANIFEST-000004\n";
  EXPECT_EQ(Db::repair(directory.file("empty"), directory.file("new")).status().code(),
            StatusCode::kUnsupported)
      << "another store's";
  EXPECT_FALSE(fs::exists(directory.file("empty/LOCK")));
}

}  // namespace
}  // namespace tidelock
