#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <vector>

#include "os/system_call.h"
#include "state/layout.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

namespace fs = std::filesystem;

class OpenTest : public test::DatabaseTest {
 protected:
  [[nodiscard]] StatusCode code(const Options& options) const {
    return Db::open(path(), options).status().code();
  }
  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(path())) {
      found.insert(entry.path().filename().string());
    }
    return found;
  }
  void flip_a_bit(const std::string& name, std::uint64_t offset) const {
    std::fstream file(path() + "/" + name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const auto flipped = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(flipped);
  }
  // Of the shared state; another one after it was built anew.
  [[nodiscard]] std::uint64_t epoch() const {
    std::ifstream file(path() + "/STATE", std::ios::binary);
    file.seekg(offsetof(state::Header, epoch));
    std::uint64_t value = 0;
    file.read(reinterpret_cast<char*>(&value), sizeof value);
    return value;
  }
  // Leaves the database as a copy of it would be: no live shared state.
  void forget_shared_state() const {
    fs::remove(path() + "/STATE");
    fs::remove(path() + "/QUEUE");
  }
};

using Found = std::optional<std::string>;

TEST_F(OpenTest, OnlyOpeningCreatesNothing) {
  EXPECT_EQ(code({.mode = OpenMode::kOpen}), StatusCode::kNotFound);
  EXPECT_FALSE(fs::exists(path()));
  fs::create_directory(path());
  EXPECT_EQ(code({.mode = OpenMode::kOpen}), StatusCode::kNotFound);
  EXPECT_TRUE(fs::is_empty(path()));
}

TEST_F(OpenTest, CreatingOverADatabaseIsRefused) {
  (void)open();
  EXPECT_EQ(code({.mode = OpenMode::kCreate}), StatusCode::kExists);
  Db held = open();
  EXPECT_EQ(code({.mode = OpenMode::kCreate}), StatusCode::kExists);
}

TEST_F(OpenTest, TheParentDirectoryMustExist) {
  Options options;
  options.mode = OpenMode::kCreateIfMissing;
  EXPECT_EQ(Db::open(path() + "/deeper/down", options).status().code(), StatusCode::kNotFound);
}

TEST_F(OpenTest, AnotherValueForAFixedOptionIsRefusedByName) {
  (void)open();
  Options options;
  options.fixed.block_size = 8192;
  const Status status = Db::open(path(), options).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalid);
  EXPECT_NE(status.message().find("block_size"), std::string::npos);
}

TEST_F(OpenTest, ADirectoryWhereEverybodyMayPlantFilesIsRefused) {
  fs::create_directory(path());
  ::chmod(path().c_str(), 01777);
  EXPECT_EQ(code({.mode = OpenMode::kCreateIfMissing}), StatusCode::kPermission);
}

TEST_F(OpenTest, FilesWithoutCurrentAreNotTakenForNoDatabase) {
  {
    Db db = open();
    ASSERT_TRUE(db.put("k", "v").ok());
  }
  fs::remove(path() + "/CURRENT");
  EXPECT_EQ(code({.mode = OpenMode::kCreateIfMissing}), StatusCode::kCorruption);
  EXPECT_EQ(code({.mode = OpenMode::kOpen}), StatusCode::kCorruption);
}

TEST_F(OpenTest, FilesWithoutCurrentGetNoLock) {
  fs::create_directory(path());
  std::ofstream(path() + "/000007.wal") << "somebody's";
  for (const OpenMode mode : {OpenMode::kOpen, OpenMode::kCreate, OpenMode::kCreateIfMissing}) {
    EXPECT_EQ(code({.mode = mode}), StatusCode::kCorruption);
  }
  EXPECT_EQ(code({.access = Access::kReadOnly}), StatusCode::kCorruption);
  EXPECT_EQ(names(), std::set<std::string>{"000007.wal"});
}

TEST_F(OpenTest, ANewDatabaseGoesOnWithItsFirstManifest) {
  Db db = open();
  EXPECT_EQ(files("MANIFEST-"), std::vector<std::string>{"MANIFEST-000001"});
  ASSERT_TRUE(db.put("k", "v").ok());
  ASSERT_TRUE(db.flush().ok());
  EXPECT_EQ(files("MANIFEST-"), std::vector<std::string>{"MANIFEST-000001"});
}

TEST_F(OpenTest, DamageToCurrentIsReportedWithItsName) {
  (void)open();
  flip_a_bit("CURRENT", 40);
  const Status status = Db::open(path()).status();
  EXPECT_EQ(status.code(), StatusCode::kCorruption) << status.to_string();
  EXPECT_NE(status.message().find("CURRENT"), std::string::npos);
}

TEST_F(OpenTest, AMissingTableIsCorruption) {
  {
    Db db = open();
    ASSERT_TRUE(db.put("k", "v").ok());
    ASSERT_TRUE(db.flush().ok());
  }
  for (const std::string& name : names()) {
    if (name.ends_with(".sst")) fs::remove(path() + "/" + name);
  }
  EXPECT_EQ(Db::open(path()).status().code(), StatusCode::kCorruption);
}

TEST_F(OpenTest, FilesThatAreNotOursAreNeitherReadNorRemoved) {
  const char* const foreign[] = {"2.sst", "99.mem",     "5.wal",
                                 "7.wal", "MANIFEST-1", "notes.sst.tmp"};
  {
    Db db = open();
    ASSERT_TRUE(db.put("k", "v").ok());
  }
  for (const char* name : foreign) std::ofstream(path() + "/" + name) << "mine";
  for (int again = 0; again < 2; ++again) {
    Db db = open();  // sweeps
    EXPECT_EQ(db.get("k").value(), Found("v"));
    ASSERT_TRUE(db.close().ok());
    forget_shared_state();  // the next one replays
  }
  ASSERT_TRUE(Db::destroy(path()).ok());
  EXPECT_EQ(names(), std::set<std::string>(std::begin(foreign), std::end(foreign)));
}

TEST_F(OpenTest, ACopyOfTheDirectoryHoldsTheSame) {
  Db db = open();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(db.put("k" + std::to_string(i), "v").ok());
  ASSERT_TRUE(db.flush().ok());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(db.put("l" + std::to_string(i), "v").ok());
  ASSERT_TRUE(db.close().ok());
  const std::string copy = directory_.file("copy");
  fs::copy(path(), copy);
  Db other = std::move(Db::open(copy)).value();
  ASSERT_TRUE(other.put("only", "in the copy").ok());
  EXPECT_EQ(other.get("l99").value(), Found("v"));
  EXPECT_EQ(other.get("k99").value(), Found("v"));
  Db original = open();
  EXPECT_EQ(original.get("only").value(), Found());
}

TEST_F(OpenTest, WithoutSharedStateEverythingComesFromManifestAndLogs) {
  {
    Db db = open();
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(db.put("k" + std::to_string(i), "v").ok());
  }
  for (int again = 0; again < 6; ++again) {
    forget_shared_state();
    Db db = open();
    for (int i = 0; i < 50; ++i) {
      ASSERT_EQ(db.get("k" + std::to_string(i)).value(), Found("v")) << again;
    }
    ASSERT_TRUE(db.put("again" + std::to_string(again), "v").ok());
  }
}

// What is done to names, in order.
class NameChanges : public os::SystemCallHook {
 public:
  NameChanges() { os::set_system_call_hook(this); }
  ~NameChanges() override { os::set_system_call_hook(nullptr); }
  os::SystemCallVerdict before(const os::SystemCallEvent&) override { return {}; }
  void after(const os::SystemCallEvent& event) override {
    if (event.call == os::SystemCall::kSyncDirectory)
      list.push_back("sync " + std::string(event.path));
    if (event.call == os::SystemCall::kUnlink) list.push_back("remove " + std::string(event.path));
    if (event.call == os::SystemCall::kRename) list.push_back("name " + std::string(event.target));
  }
  std::vector<std::string> list;
};

// Else a power cut could bring back the CURRENT of one database with the manifest of another.
// Pages of a memtable may be lost by then, though all files are there.
TEST_F(OpenTest, SharedStateOfAnotherBootOrMountIsBuiltAnew) {
  ASSERT_TRUE(open().put("k", "v").ok());
  const std::uint64_t same = epoch();
  ASSERT_TRUE(open().put("k", "v").ok());
  EXPECT_EQ(epoch(), same);
  for (const std::size_t field : {offsetof(state::Header, boot), offsetof(state::Header, mount)}) {
    const std::uint64_t old = epoch();
    flip_a_bit("STATE", field);
    EXPECT_EQ(open().get("k").value(), Found("v"));
    EXPECT_NE(epoch(), old);
  }
}

TEST_F(OpenTest, AManifestWithoutCurrentIsRemovedOnceThatIsSoOnDisk) {
  ASSERT_TRUE(open().close().ok());
  for (const std::string& name : names()) {
    if (name != "LOCK" && name != "MANIFEST-000001") fs::remove(path() + "/" + name);
  }
  const NameChanges changes;
  const Db db = open();
  const auto removed = std::find(changes.list.begin(), changes.list.end(),
                                 "remove " + fs::canonical(path()).string() + "/MANIFEST-000001");
  ASSERT_NE(removed, changes.list.end());
  EXPECT_TRUE(std::count(changes.list.begin(), removed, "sync " + fs::canonical(path()).string()));
}

// Its maker may have died before he synced it, and a power cut would take all that is inside.
TEST_F(OpenTest, ANewDatabaseSyncsTheNameOfItsDirectoryWhoeverMadeThat) {
  fs::create_directory(path());
  const NameChanges changes;
  const Db db = open();
  ASSERT_FALSE(changes.list.empty());
  EXPECT_EQ(changes.list.front(), "sync " + fs::canonical(path()).parent_path().string());
}

// A table without the log that it was made of says that the manifest was cut short.
TEST_F(OpenTest, ATableGetsItsNameOnceThatOfItsLogIsOnDisk) {
  Options options;
  options.background = Background::kNone;
  Db db = open(options);
  ASSERT_TRUE(db.put("a", "1").ok());
  const NameChanges changes;
  ASSERT_TRUE(db.flush().ok());
  ASSERT_GE(changes.list.size(), 2U);
  EXPECT_EQ(changes.list[0], "sync " + fs::canonical(path()).string());
  EXPECT_TRUE(changes.list[1].ends_with(".sst")) << changes.list[1];
}

// Both logs begin at 0 then, and whoever joins later has synced neither.
TEST_F(OpenTest, DurableWritesSucceedBehindALogThatWasReplayedAndHeldNothing) {
  ASSERT_TRUE(open().close().ok());
  forget_shared_state();
  Db first = open();
  const WriteOptions durable{.durability = Durability::kDurable, .wait = {}};
  ASSERT_TRUE(first.put("a", "1", durable).ok());
  Db second = open();
  const Status status = second.put("b", "2", durable);
  EXPECT_TRUE(status.ok()) << status.to_string();
  for (const std::string& log : files("", ".wal")) {
    EXPECT_EQ(fs::file_size(path() + "/" + log), std::uintmax_t{1} << 20) << log;
  }
}

TEST_F(OpenTest, NewFilesHaveTheAskedModeWhateverTheUmask) {
  const mode_t before = ::umask(077);
  Options options;
  options.file_mode = 0640;
  { Db db = open(options); }
  ::umask(before);
  for (const std::string& name : names()) {
    struct stat facts {};
    ASSERT_EQ(::stat((path() + "/" + name).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0640u) << name;
  }
  struct stat facts {};
  ASSERT_EQ(::stat(path().c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0111, 0110u);
}

TEST_F(OpenTest, NewFilesHaveTheAskedGroup) {
  // Root may give files to any group, others only to one of their own.
  gid_t groups[64];
  const int count = ::getgroups(64, groups);
  const gid_t group = ::geteuid() == 0 ? 4242 : count > 0 ? groups[count - 1] : ::getegid();
  Options options;
  options.file_group = group;
  Db db = open(options);
  ASSERT_TRUE(db.put("k", "v").ok());
  ASSERT_TRUE(db.flush().ok());
  for (const std::string& name : names()) {
    struct stat facts {};
    ASSERT_EQ(::stat((path() + "/" + name).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_gid, group) << name;
  }
}

TEST_F(OpenTest, NewFilesHaveModeAndGroupOfTheDatabaseWhoeverMakesThem) {
  Options options;
  options.file_mode = 0660;
  if (::geteuid() == 0) options.file_group = 4242;
  { Db db = open(options); }
  const mode_t before = ::umask(077);
  {
    Db db = open();
    ASSERT_TRUE(db.put("k", "v").ok());
    ASSERT_TRUE(db.flush().ok());
  }
  forget_shared_state();
  fs::remove(path() + "/LOCK");
  { Db db = open(); }
  ::umask(before);
  for (const std::string& name : names()) {
    struct stat facts {};
    ASSERT_EQ(::stat((path() + "/" + name).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0660u) << name;
    if (options.file_group) {
      EXPECT_EQ(facts.st_gid, *options.file_group) << name;
    }
  }
}

TEST_F(OpenTest, AnOptionOutOfItsRangeIsNamed) {
  const auto refused = [this](const Options& options, const char* name) {
    const Status status = Db::open(path(), options).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalid) << name;
    EXPECT_NE(status.message().find(name), std::string::npos) << status.message();
    EXPECT_FALSE(fs::exists(path()));
  };
  Options options;
  options.mode = OpenMode::kCreate;
  options.sync_period = std::chrono::milliseconds(0);
  refused(options, "sync_period");
  options = {.mode = OpenMode::kCreate};
  options.file_mode = 01777;
  refused(options, "file_mode");
  options = {.mode = OpenMode::kCreate};
  options.wait.backoff.cap = std::chrono::microseconds(1);
  refused(options, "backoff");
  options = {.mode = OpenMode::kCreate};
  options.fixed.bloom_bits_per_key = 33;
  refused(options, "bloom_bits_per_key");
  options = {.mode = OpenMode::kCreate};
  options.fixed.memtable_size = (std::size_t{64} << 10) - 1;
  refused(options, "memtable_size");
}

TEST_F(OpenTest, TheSmallestMemtablesTakeValuesLargerThanThemselves) {
  Options options;
  options.mode = OpenMode::kCreate;
  options.background = Background::kNone;
  options.fixed.memtable_size = std::size_t{64} << 10;
  const auto value = [](int i) { return std::string(static_cast<std::size_t>(i) * 3'000, 'v'); };
  {
    Result<Db> db = Db::open(path(), options);
    ASSERT_TRUE(db.has_value()) << db.status().to_string();
    for (int i = 1; i < 60; ++i) ASSERT_TRUE(db->put(std::to_string(i), value(i)).ok());
    for (int i = 1; i < 60; ++i) EXPECT_EQ(db->get(std::to_string(i)).value(), Found(value(i)));
    EXPECT_TRUE(db->check()->problems.empty());
  }
  forget_shared_state();
  Db db = std::move(*Db::open(path(), {}));
  for (int i = 1; i < 60; ++i) EXPECT_EQ(db.get(std::to_string(i)).value(), Found(value(i)));
}

TEST_F(OpenTest, TheSameDirectoryTwiceInOneProcessWorks) {
  Db first = open();
  Db second = open();
  ASSERT_TRUE(first.put("k", "1").ok());
  EXPECT_EQ(second.get("k").value(), Found("1"));
  ASSERT_TRUE(second.put("k", "2").ok());
  EXPECT_EQ(first.get("k").value(), Found("2"));
}

TEST_F(OpenTest, HardLinkedMutableFilesAreRefused) {
  { Db db = open(); }
  ASSERT_EQ(::link((path() + "/LOCK").c_str(), directory_.file("twin").c_str()), 0);
  EXPECT_EQ(Db::open(path()).status().code(), StatusCode::kUnsupported);
}

TEST_F(OpenTest, TheLastOneOutLeavesOneLogAndNoSpare) {
  {
    Db db = open();
    const std::string value(1000, 'v');
    for (int i = 0; i < 3000; ++i) ASSERT_TRUE(db.put("k" + std::to_string(i), value).ok());
  }
  int logs = 0;
  for (const std::string& name : names()) logs += name.ends_with(".wal") ? 1 : 0;
  EXPECT_EQ(logs, 1);
}

// Takes the right to write away: by another user where this one is root, else by modes.
class WithoutWritePermission {
 public:
  explicit WithoutWritePermission(std::string path) : path_(std::move(path)) {
    if (::geteuid() != 0) set_modes(0444, 0555);
  }
  ~WithoutWritePermission() {
    if (::geteuid() != 0) set_modes(0644, 0755);
  }
  [[nodiscard]] static bool become_reader() {
    return ::geteuid() != 0 || (::setgid(65534) == 0 && ::setuid(65534) == 0);
  }

 private:
  void set_modes(mode_t files, mode_t directory) const {
    ::chmod(path_.c_str(), 0755);
    for (const auto& entry : fs::directory_iterator(path_)) {
      ::chmod(entry.path().c_str(), files);
    }
    ::chmod(path_.c_str(), directory);
  }
  std::string path_;
};

TEST_F(OpenTest, AReaderNeedsOnlyReadPermission) {
  ::chmod(directory_.path().c_str(), 0755);
  Options options;
  options.file_mode = 0644;
  {
    Db db = open(options);
    ASSERT_TRUE(db.put("k", "v").ok());
  }
  const auto read = [this] {
    const WithoutWritePermission restricted(path());
    test::ChildProcess child([this] {
      if (!WithoutWritePermission::become_reader()) return 1;
      if (Db::open(path()).status().code() != StatusCode::kPermission) return 2;
      Options reader;
      reader.access = Access::kReadOnly;
      Result<Db> db = Db::open(path(), reader);
      if (!db) return 3;
      if (db->put("k", "w").code() != StatusCode::kReadOnly) return 4;
      const auto value = db->get("k");
      return value && *value == "v" ? 0 : 5;
    });
    return child.wait();
  };
  EXPECT_TRUE(test::exited_with(read(), 0)) << "nobody attached";
  Db db = open(options);
  EXPECT_TRUE(test::exited_with(read(), 0)) << "beside a writer";
  ASSERT_TRUE(db.close().ok());
  forget_shared_state();
  EXPECT_TRUE(test::exited_with(read(), 0)) << "without shared state";
}

TEST_F(OpenTest, AReaderHasNoPlaceInTheQueueAndSaysSo) {
  Db db = open();
  Db reader = open_for_reading();
  EXPECT_EQ(reader.lock_info().status().code(), StatusCode::kReadOnly);
  EXPECT_EQ(reader.flush().code(), StatusCode::kReadOnly);
  EXPECT_TRUE(reader.stats().has_value());
  EXPECT_TRUE(reader.check().value().problems.empty());
  EXPECT_TRUE(reader.close().ok());
}

TEST_F(OpenTest, AReaderFollowsTheWriters) {
  Db db = open();
  Db reader = open_for_reading();
  const std::string value(1000, 'v');
  for (int i = 0; i < 3000; ++i) {
    const std::string key = "k" + std::to_string(i);
    ASSERT_TRUE(db.put(key, value).ok());
    ASSERT_TRUE(reader.exists(key).value()) << key;
  }
  EXPECT_TRUE(test::comes_true([&db] { return db.stats().value().flushes > 0; }));
}

TEST_F(OpenTest, AReaderWithoutWritersAdoptsTheStateOfTheFirstThatComes) {
  {
    Db db = open();
    ASSERT_TRUE(db.put("k", "1").ok());
  }
  forget_shared_state();
  Db reader = open_for_reading();
  EXPECT_EQ(reader.get("k").value(), Found("1"));
  Db db = open();
  ASSERT_TRUE(db.put("k", "2").ok());
  ASSERT_TRUE(reader.refresh().ok());
  EXPECT_EQ(reader.get("k").value(), Found("2"));
}

}  // namespace
}  // namespace tidelock
