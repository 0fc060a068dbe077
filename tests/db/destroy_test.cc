// The end of a database, and what others meet meanwhile.

#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "os/system_call.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

namespace fs = std::filesystem;

using Found = std::optional<std::string>;

class DestroyTest : public test::DatabaseTest {
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
};

TEST_F(DestroyTest, RefusesWhileSomebodyIsAttachedAndThenLeavesNothing) {
  Db db = open();
  EXPECT_EQ(Db::destroy(path()).code(), StatusCode::kBusy);
  ASSERT_TRUE(db.close().ok());
  EXPECT_TRUE(Db::destroy(path()).ok());
  EXPECT_FALSE(fs::exists(path()));
  EXPECT_EQ(Db::destroy(path()).code(), StatusCode::kNotFound);
}

// Before its first lock, somebody else destroys the database and makes another one.
class ReplaceBeforeLock : public os::SystemCallHook {
 public:
  explicit ReplaceBeforeLock(std::string path) : path_(std::move(path)) {
    os::set_system_call_hook(this);
  }
  ~ReplaceBeforeLock() override { os::set_system_call_hook(nullptr); }
  os::SystemCallVerdict before(const os::SystemCallEvent& event) override {
    if (event.call != os::SystemCall::kLock) return {};
    os::set_system_call_hook(nullptr);
    EXPECT_TRUE(Db::destroy(path_).ok());
    Options options;
    options.mode = OpenMode::kCreate;
    options.fixed.memtable_size = std::size_t{1} << 20;
    made.emplace(Db::open(path_, options).value());
    EXPECT_TRUE(made->put("k", "v", {.durability = Durability::kDurable, .wait = {}}).ok());
    return {};
  }
  void after(const os::SystemCallEvent&) override {}

  std::optional<Db> made;

 private:
  std::string path_;
};

TEST_F(DestroyTest, DoesNotTakeADatabaseThatWasMadeMeanwhile) {
  ASSERT_TRUE(open().close().ok());
  ReplaceBeforeLock hook(path());
  EXPECT_EQ(Db::destroy(path()).code(), StatusCode::kBusy);
  ASSERT_TRUE(hook.made);
  EXPECT_EQ(hook.made->get("k").value(), Found("v"));
  ASSERT_TRUE(hook.made->close().ok());
  EXPECT_EQ(open().get("k").value(), Found("v"));
}

TEST_F(DestroyTest, WhatSaysThatADatabaseIsToGoDoesNotOutliveTheNextOpeningOfOne) {
  ASSERT_TRUE(open().put("k", "v").ok());
  fs::copy(path() + "/CURRENT", path() + "/DESTROYED");
  EXPECT_EQ(open().get("k").value(), Found("v"));
  EXPECT_FALSE(fs::exists(path() + "/DESTROYED"));
}

TEST_F(DestroyTest, AStrangersFileNamedDestroyedTakesNothingAlong) {
  ASSERT_TRUE(open().flush().ok());
  std::ofstream(path() + "/DESTROYED") << "mine\n";
  fs::remove(path() + "/CURRENT");
  EXPECT_EQ(code({.mode = OpenMode::kCreateIfMissing}), StatusCode::kCorruption);
  EXPECT_TRUE(fs::exists(path() + "/DESTROYED"));
}

// Looks at the directory each time the destroyer has removed one more file.
class OpenDuringDestroy : public os::SystemCallHook {
 public:
  explicit OpenDuringDestroy(std::function<void()> look) : look_(std::move(look)) {
    os::set_system_call_hook(this);
  }
  ~OpenDuringDestroy() override { os::set_system_call_hook(nullptr); }
  os::SystemCallVerdict before(const os::SystemCallEvent&) override { return {}; }
  void after(const os::SystemCallEvent& event) override {
    if (event.call != os::SystemCall::kUnlink) return;
    os::set_system_call_hook(nullptr);
    look_();
    os::set_system_call_hook(this);
  }

 private:
  std::function<void()> look_;
};

TEST_F(DestroyTest, WhileADatabaseIsDestroyedThereIsNone) {
  {
    Db db = open();
    ASSERT_TRUE(db.put("k", "v").ok());
    ASSERT_TRUE(db.flush().ok());
  }
  std::ofstream(path() + "/mine") << "so that the directory stays";
  std::set<StatusCode> writing;
  std::set<StatusCode> reading;
  int looks = 0;
  {
    const OpenDuringDestroy hook([&] {
      ++looks;
      writing.insert(code({.mode = OpenMode::kOpen, .wait = {.policy = Wait::Policy::kFailFast}}));
      reading.insert(code({.mode = OpenMode::kOpen, .access = Access::kReadOnly}));
    });
    ASSERT_TRUE(Db::destroy(path()).ok());
  }
  EXPECT_GT(looks, 4);
  EXPECT_EQ(writing, (std::set<StatusCode>{StatusCode::kBusy, StatusCode::kNotFound}));
  EXPECT_EQ(reading, std::set<StatusCode>{StatusCode::kNotFound});
  EXPECT_EQ(names(), std::set<std::string>{"mine"});
}

TEST_F(DestroyTest, LeavesForeignFilesAlone) {
  { Db db = open(); }
  std::ofstream(path() + "/notes.txt") << "mine";
  EXPECT_TRUE(Db::destroy(path()).ok());
  EXPECT_EQ(names(), std::set<std::string>{"notes.txt"});
}

}  // namespace
}  // namespace tidelock
