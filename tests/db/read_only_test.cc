#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>
#include <vector>

#include "manifest/manifest_reader.h"
#include "manifest/manifest_writer.h"
#include "os/crash_point.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/fault.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

namespace fs = std::filesystem;
using Found = std::optional<std::string>;

class ReadOnlyTest : public test::DatabaseTest {
 protected:
  [[nodiscard]] Db write(const std::string& key, const std::string& value) const {
    Db db = open({.background = Background::kNone});
    EXPECT_TRUE(db.put(key, value).ok());
    return db;
  }
  static bool says(Db& db, const std::string& key, const std::string& value) {
    const auto found = db.get(key);
    return found && *found == value;
  }
  // Damage that makes the next one to open rebuild the same STATE in place.
  void spoil_shared_state() const {
    std::fstream state(path() + "/STATE", std::ios::in | std::ios::out | std::ios::binary);
    state.seekp(8);
    state.write("anything", 8);
  }
  // Nobody is attached, and there is no live shared state.
  void forget_shared_state() const {
    fs::remove(path() + "/STATE");
    fs::remove(path() + "/QUEUE");
  }
};

// Once, when a file that ends in `suffix` was opened: `act`.
class OnceOpened : public os::SystemCallHook {
 public:
  OnceOpened(std::string suffix, std::function<void()> act)
      : suffix_(std::move(suffix)), act_(std::move(act)) {
    os::set_system_call_hook(this);
  }
  ~OnceOpened() override { os::set_system_call_hook(nullptr); }
  os::SystemCallVerdict before(const os::SystemCallEvent&) override { return {}; }
  void after(const os::SystemCallEvent& event) override {
    if (done_ || event.call != os::SystemCall::kOpen || !event.path.ends_with(suffix_)) return;
    done_ = true;
    act_();
  }
  [[nodiscard]] bool done() const { return done_; }

 private:
  std::string suffix_;
  std::function<void()> act_;
  bool done_ = false;
};

TEST_F(ReadOnlyTest, NeedsNoLockFile) {
  ASSERT_TRUE(write("k", "v").close().ok());
  fs::remove(path() + "/LOCK");
  Db reader = open_for_reading();
  EXPECT_TRUE(says(reader, "k", "v"));
}

TEST_F(ReadOnlyTest, ALockFileThatCannotBeOpenedIsAnError) {
  ASSERT_TRUE(write("k", "v").close().ok());
  const test::Fault fault(os::SystemCall::kOpen, {.error = EMFILE}, "/LOCK");
  EXPECT_EQ(Db::open(path(), {.access = Access::kReadOnly}).status().code(), StatusCode::kLimit);
}

TEST_F(ReadOnlyTest, NeverTakesAnotherDatabaseAtThePathForItsOwn) {
  ASSERT_TRUE(write("k", "old").close().ok());
  Db reader = open_for_reading();
  ASSERT_TRUE(says(reader, "k", "old"));
  ASSERT_TRUE(Db::destroy(path()).ok());
  EXPECT_EQ(reader.refresh().code(), StatusCode::kNotFound);
  EXPECT_EQ(reader.get("k").status().code(), StatusCode::kNotFound) << "and so it stays";
  Db writer = write("k", "new");
  EXPECT_EQ(reader.refresh().code(), StatusCode::kCorruption);
  const Status status = reader.get("k").status();
  EXPECT_EQ(status.code(), StatusCode::kCorruption);
  EXPECT_NE(status.message().find("replaced"), std::string::npos) << status.message();
}

TEST_F(ReadOnlyTest, NoticesByItselfThatTheDatabaseWasReplaced) {
  ASSERT_TRUE(write("k", "old").close().ok());
  Db reader = open_for_reading();
  ASSERT_TRUE(Db::destroy(path()).ok());
  Db writer = write("k", "new");
  EXPECT_TRUE(test::comes_true([&] { return !reader.get("k").has_value(); }));
  EXPECT_EQ(reader.get("k").status().code(), StatusCode::kCorruption);
}

TEST_F(ReadOnlyTest, GoesOnWithWritersWhoseStateWasUnlinked) {
  Db writer = write("k", "1");
  Db reader = open_for_reading();
  fs::remove(path() + "/STATE");
  ASSERT_TRUE(reader.refresh().ok());
  ASSERT_TRUE(writer.put("k", "2").ok());
  EXPECT_TRUE(says(reader, "k", "2"));
}

TEST_F(ReadOnlyTest, FollowsTheStateThatWasMadeInPlaceOfItsOwn) {
  ASSERT_TRUE(write("k", "1").close().ok());
  Db reader = open_for_reading();
  ASSERT_TRUE(says(reader, "k", "1"));
  forget_shared_state();
  Db writer = write("k", "2");
  EXPECT_TRUE(test::comes_true([&] { return says(reader, "k", "2"); }));
  ASSERT_TRUE(writer.put("k", "3").ok());
  EXPECT_TRUE(says(reader, "k", "3")) << "at once, now that it follows";
}

TEST_F(ReadOnlyTest, ReadsTheLogsWhereAMemtableIsLost) {
  ASSERT_TRUE(write("k", "1").close().ok());
  for (const std::string& arena : files("", ".mem")) fs::remove(path() + "/" + arena);
  Db reader = open_for_reading();
  EXPECT_TRUE(says(reader, "k", "1"));
  Db writer = write("k", "2");  // heals it
  EXPECT_TRUE(test::comes_true([&] { return says(reader, "k", "2"); }));
}

TEST_F(ReadOnlyTest, WithALostMemtableSeesWhatWasCommittedAndAllThatReturned) {
  Db writer = write("k", "1");
  test::ChildProcess child([this] {
    Result<Db> mine = Db::open(path());
    os::arm_crash_point("wal.record_copied", 1, SIGKILL);
    return mine && mine->put("phantom", "2").ok() ? 1 : 2;
  });
  ASSERT_TRUE(test::killed_by(child.wait(), SIGKILL));
  for (const std::string& arena : files("", ".mem")) fs::remove(path() + "/" + arena);
  Db reader = open_for_reading();
  EXPECT_EQ(reader.get("phantom").value(), Found()) << "copied, never committed";
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(writer.put("k", std::to_string(i)).ok());
    ASSERT_TRUE(says(reader, "k", std::to_string(i))) << i;
  }
}

TEST_F(ReadOnlyTest, ReadsTheLogsWhereAMemtableIsCutShort) {
  ASSERT_TRUE(write("k", "1").close().ok());
  for (const std::string& arena : files("", ".mem")) fs::resize_file(path() + "/" + arena, 100);
  Db reader = open_for_reading();
  EXPECT_TRUE(says(reader, "k", "1"));
}

TEST_F(ReadOnlyTest, ReadsTheLogsWhereAMemtableHasADamagedHeader) {
  ASSERT_TRUE(write("k", "1").close().ok());
  for (const std::string& arena : files("", ".mem")) {
    std::fstream file(path() + "/" + arena, std::ios::in | std::ios::out | std::ios::binary);
    file.write("damage to magic and layout", 26);
  }
  Db reader = open_for_reading();
  EXPECT_TRUE(says(reader, "k", "1"));
}

TEST_F(ReadOnlyTest, AMissingTableIsStillCorruptionAndSaysSo) {
  Db writer = write("k", "1");
  ASSERT_TRUE(writer.flush().ok());
  for (const std::string& table : files("", ".sst")) fs::remove(path() + "/" + table);
  const Status status = Db::open(path(), {.access = Access::kReadOnly}).status();
  EXPECT_EQ(status.code(), StatusCode::kCorruption);
  EXPECT_NE(status.message().find("is gone"), std::string::npos) << status.message();
}

TEST_F(ReadOnlyTest, ADamagedTableIsNotCalledGone) {
  Db writer = write("k", "1");
  ASSERT_TRUE(writer.flush().ok());
  for (const std::string& table : files("", ".sst")) fs::resize_file(path() + "/" + table, 50);
  const Status status = Db::open(path(), {.access = Access::kReadOnly}).status();
  EXPECT_EQ(status.code(), StatusCode::kCorruption);
  EXPECT_EQ(status.message().find("gone"), std::string::npos) << status.message();
}

// An installer that died (or is still) between CURRENT and the publication, as rule V2 has it.
TEST_F(ReadOnlyTest, GoesByTheManifestThatIsNotPublishedYet) {
  Db writer = write("k", "1");
  ASSERT_TRUE(writer.flush().ok());
  ASSERT_TRUE(writer.put("l", "2").ok());
  const auto old_manifest = files("MANIFEST-");
  auto live = manifest::open_live_manifest(path(), Access::kReadOnly);
  ASSERT_TRUE(live.has_value());
  ASSERT_TRUE(live->reader.read_all().ok());
  constexpr std::uint64_t kNumber = 900;
  manifest::VersionEdit snapshot = manifest::version_snapshot(live->reader.version());
  snapshot.next_file_number = kNumber + 1;
  manifest::Current current = live->current;
  current.manifest_number = kNumber;
  ASSERT_TRUE(manifest::create_manifest(path(), {current.uuid, kNumber}, snapshot, {}).has_value());
  ASSERT_TRUE(manifest::install_current(path(), current, {}).ok());
  for (const std::string& name : old_manifest) fs::remove(path() + "/" + name);
  Db reader = open_for_reading();
  EXPECT_TRUE(says(reader, "k", "1"));
  EXPECT_TRUE(says(reader, "l", "2"));
}

// Without shared state; while the reader looks at the files, somebody opens, and moves everything.
class ReplayTest : public ReadOnlyTest, public testing::WithParamInterface<const char*> {};

TEST_P(ReplayTest, BeginsAnewWhenFilesMovedMeanwhile) {
  {
    Db db = write("table", "1");
    ASSERT_TRUE(db.flush().ok());
    ASSERT_TRUE(db.put("log", "2").ok());
  }
  forget_shared_state();
  const OnceOpened meanwhile(GetParam(), [this] {
    test::ChildProcess child([this] {
      os::set_system_call_hook(nullptr);
      Result<Db> db = Db::open(path());
      if (!db || !db->put("more", "3").ok() || !db->compact().ok()) return 1;
      if (!db->close().ok()) return 2;
      forget_shared_state();
      return 0;
    });
    EXPECT_TRUE(test::exited_with(child.wait(), 0));
  });
  Db reader = open_for_reading();
  EXPECT_TRUE(meanwhile.done());
  EXPECT_TRUE(says(reader, "table", "1"));
  EXPECT_TRUE(says(reader, "log", "2"));
  EXPECT_TRUE(says(reader, "more", "3"));
}

INSTANTIATE_TEST_SUITE_P(AtTheOpeningOf, ReplayTest, testing::Values(".sst", ".wal"),
                         [](const auto& suffix) { return std::string(suffix.param + 1); });

TEST_F(ReadOnlyTest, ReplayKnowsWhatIsDurable) {
  test::ChildProcess child([this] {
    Db db = write("first", "1");
    const WriteOptions durable{.durability = Durability::kDurable, .wait = {}};
    if (!db.put("safe", "1", durable).ok() || !db.put("witness", "1").ok()) return 1;
    ::raise(SIGKILL);
    return 2;
  });
  ASSERT_TRUE(test::killed_by(child.wait(), SIGKILL));
  forget_shared_state();
  Db reader = open_for_reading();
  const ReadOptions durable{.snapshot = nullptr, .durable_only = true};
  EXPECT_TRUE(says(reader, "witness", "1"));
  EXPECT_EQ(reader.get("safe", durable).value(), Found("1"));
  EXPECT_EQ(reader.get("witness", durable).value(), Found());
}

TEST_F(ReadOnlyTest, ReplayOfASealedLogIsDurableToItsEnd) {
  ASSERT_TRUE(write("k", "1").close().ok());
  forget_shared_state();
  Db reader = open_for_reading();
  const ReadOptions durable{.snapshot = nullptr, .durable_only = true};
  EXPECT_EQ(reader.get("k", durable).value(), Found("1"));
}

TEST_F(ReadOnlyTest, SeesEveryWriteThatReturnedThroughRebuildsOfTheState) {
  { Db db = write("n", "0"); }
  Db reader = open_for_reading();
  for (int i = 1; i <= 20; ++i) {
    spoil_shared_state();
    Db writer = write("n", std::to_string(i));
    ASSERT_TRUE(says(reader, "n", std::to_string(i))) << reader.get("n").status().to_string();
  }
}

TEST_F(ReadOnlyTest, NoThreadGoesBackInTimeWhileTheStateIsRebuilt) {
  { Db db = write("n", "0"); }
  Db reader = open_for_reading();
  std::atomic<bool> done{false};
  std::atomic<int> errors{0};
  std::atomic<int> steps_back{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int last = 0; !done.load();) {
        const auto found = reader.get("n");
        if (!found || !*found) {
          ++errors;
          continue;
        }
        const int seen = std::stoi(**found);
        if (seen < last) ++steps_back;
        last = seen;
      }
    });
  }
  for (int i = 1; i <= 60; ++i) {
    if (i % 2 == 0) spoil_shared_state();
    Db writer = write("n", std::to_string(i));
    if (i % 3 == 0) {
      EXPECT_TRUE(writer.flush().ok());
    }
  }
  done.store(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(errors.load(), 0);
  EXPECT_EQ(steps_back.load(), 0);
  // A thread that met the damage itself reads privately, until it is time to look for shared state.
  EXPECT_TRUE(test::comes_true([&] { return says(reader, "n", "60"); }));
}

}  // namespace
}  // namespace tidelock
