#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "os/system_call.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

namespace fs = std::filesystem;
using Found = std::optional<std::string>;

#if defined(__SANITIZE_ADDRESS__)
constexpr int kEvery = 4;  // of the calls; the sanitizers take their time
#else
constexpr int kEvery = 1;
#endif

// The directory is moved away while a handle is open, and another database takes its path.
class MovedTest : public test::DatabaseTest {
 protected:
  static Options without_thread() {
    Options options;
    options.background = Background::kNone;
    return options;
  }
  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(path())) {
      found.insert(entry.path().filename().string());
    }
    return found;
  }
};

TEST_F(MovedTest, ItsHandleNeitherWritesNorRemovesFilesOfTheOther) {
  Db old = open(without_thread());
  ASSERT_TRUE(old.put("k", "old").ok());
  fs::rename(path(), directory_.file("away"));
  {
    Db other = open(without_thread());
    ASSERT_TRUE(other.put("k", "new").ok());
    ASSERT_TRUE(other.flush().ok());
  }
  const std::set<std::string> before = names();
  EXPECT_EQ(old.flush().code(), StatusCode::kIo);
  EXPECT_EQ(old.compact().code(), StatusCode::kIo);
  Status status;
  for (int i = 0; i < 3000 && status.ok(); ++i) {
    status = old.put("k" + std::to_string(i), std::string(1000, 'v'));
  }
  EXPECT_EQ(status.code(), StatusCode::kIo) << "no log can be begun there";
  EXPECT_NE(status.message().find("moved"), std::string::npos) << status.message();
  (void)old.close();
  EXPECT_EQ(names(), before);
  Db other = open(without_thread());
  EXPECT_EQ(other.get("k").value(), Found("new"));
  EXPECT_TRUE(other.check().value().problems.empty());
}

// A copy of the database takes the path at a chosen system call. It has had a life of its own, or
// is a backup that nobody has opened.
class RestoredTest : public MovedTest, public os::SystemCallHook {
 protected:
  using Files = std::map<std::string, std::pair<std::uintmax_t, fs::file_time_type>>;

  void SetUp() override {
    {
      Db db = open(without_thread());
      ASSERT_TRUE(db.put("a", "a").ok());
    }
    fs::copy(path(), copy_);
    Result<Db> db = Db::open(copy_, without_thread());
    ASSERT_TRUE(db.has_value()) << db.status().to_string();
    for (int i = 0; i < 12; ++i) {
      ASSERT_TRUE(db->put("r" + std::to_string(i), "restored").ok());
      ASSERT_TRUE(db->flush().ok());
    }
    ASSERT_TRUE(db->close().ok());
    note_restored();
  }
  void take_a_backup() {
    fs::remove_all(copy_);
    fs::copy(path(), copy_);
    note_restored();
  }
  void TearDown() override { os::set_system_call_hook(nullptr); }

  static Files files_of(const std::string& directory) {
    Files found;
    for (const auto& entry : fs::directory_iterator(directory)) {
      found[entry.path().filename().string()] = {entry.file_size(), entry.last_write_time()};
    }
    return found;
  }
  // So that whoever writes changes the times, however coarse they are.
  void note_restored() {
    for (const auto& entry : fs::directory_iterator(copy_)) {
      fs::last_write_time(entry, entry.last_write_time() - std::chrono::hours(1));
    }
    restored_ = files_of(copy_);
  }
  void swap_at(std::function<bool(const os::SystemCallEvent&)> when) {
    when_ = std::move(when);
    os::set_system_call_hook(this);
  }
  os::SystemCallVerdict before(const os::SystemCallEvent& event) override {
    if (!swapped_ && when_(event)) swap();
    return {};
  }
  void swap() {
    swapped_ = true;
    fs::rename(path(), away_);
    fs::rename(copy_, path());
  }
  void after(const os::SystemCallEvent&) override {}
  // Whether the copy has a file of that name.
  [[nodiscard]] bool has(std::string_view file_path) const {
    return restored_.contains(fs::path(file_path).filename().string());
  }
  void expect_untouched() {
    os::set_system_call_hook(nullptr);
    EXPECT_TRUE(swapped_);
    EXPECT_EQ(files_of(path()), restored_);
    Db db = open(without_thread());
    EXPECT_EQ(db.get("a").value(), Found("a"));
    EXPECT_TRUE(db.check().value().problems.empty());
  }
  // Flushes and compacts until the handle notices.
  static Status work(Db& db) {
    Status status;
    for (int i = 0; i < 100 && status.ok(); ++i) {
      status = db.put("o" + std::to_string(i), "old");
      if (status.ok()) status = db.flush();
      if (status.ok() && i % 7 == 3) status = db.compact();
    }
    return status;
  }

  const std::string copy_ = directory_.file("copy");
  const std::string away_ = directory_.file("away");
  Files restored_;
  std::function<bool(const os::SystemCallEvent&)> when_;
  bool swapped_ = false;
};

bool is_temporary(const os::SystemCallEvent& event, os::SystemCall call) {
  return event.call == call && event.path.ends_with(".sst.tmp");
}

TEST_F(RestoredTest, ATableBegunMeanwhileIsNotMadeThere) {
  Db old = open(without_thread());
  swap_at([this](const auto& event) {
    return is_temporary(event, os::SystemCall::kOpen) &&
           has(event.path.substr(0, event.path.size() - 4));
  });
  EXPECT_EQ(work(old).code(), StatusCode::kIo);
  (void)old.close();
  expect_untouched();
}

TEST_F(RestoredTest, ATableThatIsBeingWrittenTakesNoOthersName) {
  Db old = open(without_thread());
  swap_at([this](const auto& event) {
    return is_temporary(event, os::SystemCall::kSync) &&
           has(event.path.substr(0, event.path.size() - 4));
  });
  EXPECT_EQ(work(old).code(), StatusCode::kIo);
  (void)old.close();
  expect_untouched();
}

TEST_F(RestoredTest, ATableThatCannotBeInstalledIsNotRemovedThere) {
  Db old = open(without_thread());
  swap_at([this, table = std::string()](const auto& event) mutable {
    if (event.call == os::SystemCall::kRename && event.path.ends_with(".sst.tmp")) {
      table = event.target;
    }
    // The rename is done: what is synced next is the directory.
    return event.call == os::SystemCall::kSyncDirectory && !table.empty() && has(table);
  });
  EXPECT_EQ(work(old).code(), StatusCode::kIo);
  (void)old.close();
  expect_untouched();
}

// The end mark is written: the edit is in force, and what it replaces is removed next.
class EndMark {
 public:
  bool operator()(const os::SystemCallEvent& event) {
    const bool manifest = event.path.find("MANIFEST-") != std::string_view::npos;
    synced_ = synced_ || (manifest && event.call == os::SystemCall::kDataSync);
    return synced_ && manifest && event.call == os::SystemCall::kWrite;
  }

 private:
  bool synced_ = false;
};

TEST_F(RestoredTest, TheLogOfAFlushIsNotRemovedThere) {
  take_a_backup();
  Db old = open(without_thread());
  ASSERT_TRUE(old.put("b", "b").ok());
  swap_at(EndMark());
  (void)old.flush();
  (void)old.close();
  expect_untouched();
}

TEST_F(RestoredTest, InputsOfACompactionAreNotRemovedThere) {
  for (const char* key : {"b", "c"}) {
    Db db = open(without_thread());
    ASSERT_TRUE(db.put(key, key).ok());
    ASSERT_TRUE(db.flush().ok());
  }
  take_a_backup();
  Db old = open(without_thread());
  swap_at(EndMark());
  (void)old.compact();
  (void)old.close();
  expect_untouched();
}

TEST_F(RestoredTest, ASweepRemovesNothingThere) {
  // The first listing is for manifests.
  swap_at([count = 0](const auto& event) mutable {
    return event.call == os::SystemCall::kListDirectory && ++count == 2;
  });
  (void)Db::open(path(), without_thread());
  expect_untouched();
}

// Copied while it is in use: only by its place can it be told from the one that is open.
TEST_F(RestoredTest, WhoHasNotWrittenYetDoesNotWriteThere) {
  Db first = open(without_thread());
  ASSERT_TRUE(first.put("b", "b").ok());
  Db late = open(without_thread());
  take_a_backup();
  swap();
  EXPECT_EQ(late.sync().code(), StatusCode::kNotDurable);
  const Status status = late.put("c", "c");
  EXPECT_EQ(status.code(), StatusCode::kIo) << status.to_string();
  EXPECT_NE(status.message().find("moved"), std::string::npos) << status.message();
  EXPECT_EQ(late.put("c", "c", {.durability = Durability::kDurable, .wait = {}}).code(),
            StatusCode::kIo);
  (void)late.close();
  (void)first.close();
  expect_untouched();
}

TEST_F(RestoredTest, WhoAdoptsANewMemtableDoesNotReadThere) {
  Db first = open(without_thread());
  Db late = open(without_thread());
  ASSERT_TRUE(first.put("b", "old").ok());
  ASSERT_TRUE(first.flush().ok());
  take_a_backup();
  ASSERT_TRUE(first.put("b", "new").ok());
  ASSERT_EQ(first.get("b").value(), Found("new"));
  swap();
  const auto found = late.get("b");
  EXPECT_EQ(found.status().code(), StatusCode::kIo) << found.status().to_string();
  EXPECT_EQ(first.get("b").value(), Found("new")) << "it has all open";
  (void)late.close();
  (void)first.close();
  expect_untouched();
}

// Makes a name, takes one away, or exchanges one: what may come right behind the look at the place.
bool changes_names(const os::SystemCallEvent& event) {
  return event.call == os::SystemCall::kRename || event.call == os::SystemCall::kUnlink ||
         (event.call == os::SystemCall::kOpen && !fs::exists(event.path));
}

TEST_F(RestoredTest, ACopyThatTakesThePlaceAtAnyOtherCallIsNotTouched) {
  int n = 0;
  for (swapped_ = true; swapped_ && !HasFailure(); n += kEvery) {
    for (const std::string& directory : {path(), copy_, away_}) fs::remove_all(directory);
    swapped_ = false;
    Db old = open(without_thread());
    ASSERT_TRUE(old.put("a", "a").ok());
    ASSERT_TRUE(old.flush().ok());
    swap_at([&, calls = 0](const auto& event) mutable {
      if (changes_names(event) || calls++ != n) return false;
      take_a_backup();
      return true;
    });
    (void)old.put("b", "b", {.durability = Durability::kDurable, .wait = {}});
    (void)old.flush();
    (void)old.compact();
    (void)old.upkeep({.thorough = true});
    (void)old.put("c", "c");
    (void)old.close();
    os::set_system_call_hook(nullptr);
    if (swapped_) {
      EXPECT_EQ(files_of(path()), restored_) << "at call " << n;
    }
  }
  EXPECT_GT(n, 300) << "calls";
}

TEST_F(RestoredTest, AWriteIsNotDurableWhoseLogWasMovedAway) {
  Db old = open(without_thread());
  swap_at([](const auto& event) { return event.call == os::SystemCall::kSyncDirectory; });
  EXPECT_EQ(old.put("k", "v", {.durability = Durability::kDurable, .wait = {}}).code(),
            StatusCode::kNotDurable);
  (void)old.close();
  expect_untouched();
}

// What happens between the calls of two handles that write, read and keep house.
class LivedThroughTest : public MovedTest, public os::SystemCallHook {
 protected:
  void TearDown() override { os::set_system_call_hook(nullptr); }

  os::SystemCallVerdict before(const os::SystemCallEvent& event) override {
    if (takes_a_path(event.call) && calls_++ == move_at_) fs::rename(path(), away_);
    return {};
  }
  void after(const os::SystemCallEvent&) override {}

  static bool takes_a_path(os::SystemCall call) {
    switch (call) {
      case os::SystemCall::kOpen:
      case os::SystemCall::kStat:
      case os::SystemCall::kRename:
      case os::SystemCall::kUnlink:
      case os::SystemCall::kListDirectory:
      case os::SystemCall::kSyncDirectory:
        return true;
      default:
        return false;
    }
  }

  // Every call may answer as if nothing had happened, that it is not durable, or why not.
  void live() {
    written_.clear();
    Db writer = open(without_thread());
    Db reader = open(without_thread());
    disturb_();
    calls_ = 0;
    os::set_system_call_hook(this);
    for (const char* key : {"a", "b"}) {
      write(writer, key, "v");
      expect_told("flush", writer.flush());
      write(writer, key, "w", Durability::kDurable);
      expect_told("put if", writer.put_if("c", std::nullopt, "x").status());
      read(reader, key);
      keep_house(reader);
    }
    for (int i = 0; i < 6; ++i) {  // the memtable is full, and another begun
      write(writer, "much " + std::to_string(i), std::string(250'000, 'm'));
    }
    expect_told("compact", writer.compact());
    read(reader, "a");
    expect_told("close", writer.close());
    expect_told("close the last", reader.close());
    os::set_system_call_hook(nullptr);
  }
  void write(Db& db, const std::string& key, const std::string& value,
             Durability durability = Durability::kProcess) {
    Batch batch;
    batch.put(key, value);
    const Status status = db.write(batch, {.durability = durability, .wait = {}});
    expect_told("write", status);
    if (status.ok() || status.code() == StatusCode::kNotDurable) written_[key] = value;
  }
  void read(Db& db, const std::string& key) {
    expect_told("get", db.get(key).status());
    expect_told("refresh", db.refresh());
    expect_told("min", db.min().status());
    expect_told("iterate", db.iterate().status());
    expect_told("snapshot", db.snapshot().status());
    expect_told("stats", db.stats().status());
    expect_told("check", db.check().status());
  }
  void keep_house(Db& db) {
    expect_told("relieve", db.relieve().status());
    const Result<Upkeep> upkeep = db.upkeep({.thorough = true});
    expect_told("upkeep", upkeep.status());
    if (upkeep) expect_told("what hindered upkeep", upkeep->hindered);
    expect_told("sync", db.sync());
  }
  void expect_told(const char* what, const Status& status) {
    EXPECT_TRUE(status.ok() || may_say_(status))
        << what << ", " << scene_ << ": " << status.to_string();
  }

  const std::string away_ = directory_.file("away");
  std::map<std::string, std::string> written_;  // acknowledged, or committed and not durable
  std::function<bool(const Status&)> may_say_ = [](const Status&) { return false; };
  std::function<void()> disturb_ = [] {};  // once both are open
  std::string scene_ = "undisturbed";
  int move_at_ = -1;
  int calls_ = 0;  // that took a path
};

// Moved away, to where nobody looks, before one call after the other that takes a path. Before the
// others it would be the same.
TEST_F(LivedThroughTest, WhateverMeetsThatTheDirectoryWasMovedSaysSo) {
  live();
  const int calls = calls_;
  may_say_ = [](const Status& status) {
    return status.code() == StatusCode::kNotDurable ||
           (status.code() == StatusCode::kIo &&
            status.message().find("moved") != std::string::npos);
  };
  for (move_at_ = 0; move_at_ < calls && !HasFailure(); move_at_ += kEvery) {
    scene_ = "moved at call " + std::to_string(move_at_) + " of " + std::to_string(calls);
    fs::remove_all(path());
    live();
    if (fs::exists(away_)) fs::rename(away_, path());
    Db db = open(without_thread());
    for (const auto& [key, value] : written_) {
      EXPECT_EQ(db.get(key).value(), Found(value)) << key << ", " << scene_;
    }
  }
}

TEST_F(LivedThroughTest, AFileThatIsMissingIsDamageAndNeverNoDatabase) {
  may_say_ = [](const Status& status) {
    return status.code() == StatusCode::kCorruption || status.code() == StatusCode::kNotDurable ||
           (status.code() == StatusCode::kIo &&
            status.message().find("removed") != std::string::npos);
  };
  std::size_t files = 1;
  for (std::size_t i = 0; i < files; ++i) {
    disturb_ = [&] {
      const std::set<std::string> all = names();
      const std::string& name = *std::next(all.begin(), static_cast<std::ptrdiff_t>(i));
      files = all.size();
      scene_ = "without " + name;
      fs::remove(path() + "/" + name);
    };
    live();
    fs::remove_all(path());
  }
}

TEST_F(MovedTest, NothingIsLostInTheOneThatWasMoved) {
  Db db = open(without_thread());
  ASSERT_TRUE(db.put("k", "v").ok());
  fs::rename(path(), directory_.file("away"));
  ASSERT_TRUE(db.put("l", "v").ok()) << "the log is still open";
  EXPECT_EQ(db.put("m", "v", {.durability = Durability::kDurable, .wait = {}}).code(),
            StatusCode::kNotDurable)
      << "its directory cannot be synced by name";
  (void)db.close();
  fs::rename(directory_.file("away"), path());
  Db again = open(without_thread());
  for (const char* key : {"k", "l", "m"}) EXPECT_EQ(again.get(key).value(), Found("v")) << key;
}

TEST_F(MovedTest, ARemovedDirectoryIsNotTakenForDurable) {
  Db db = open(without_thread());
  ASSERT_TRUE(db.put("k", "v", {.durability = Durability::kDurable, .wait = {}}).ok());
  fs::remove_all(path());
  EXPECT_EQ(db.put("l", "v", {.durability = Durability::kDurable, .wait = {}}).code(),
            StatusCode::kNotDurable);
}

}  // namespace
}  // namespace tidelock
