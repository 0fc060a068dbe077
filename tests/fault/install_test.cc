#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>

#include "support/comes_true.h"
#include "support/fault.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

using Found = std::optional<std::string>;
using os::SystemCall;

// An installation fails behind the point where its edit may be in force: the tables that it names
// must stay, whatever the error was.
class InstallTest : public test::DatabaseTest {
 protected:
  static Options without_thread() {
    Options options;
    options.background = Background::kNone;
    return options;
  }
  // Two flushed tables and a memtable.
  static void fill(Db& db) {
    for (const char* key : {"a", "b", "c"}) {
      ASSERT_TRUE(db.put(key, key).ok());
      if (*key != 'c') {
        ASSERT_TRUE(db.flush().ok());
      }
    }
  }
  static void expect_all(Db& db) {
    for (const char* key : {"a", "b", "c"}) {
      const auto found = db.get(key);
      ASSERT_TRUE(found.has_value()) << found.status().to_string();
      EXPECT_EQ(*found, Found(key));
    }
    const Result<CheckReport> report = db.check();
    ASSERT_TRUE(report.has_value());
    for (const std::string& problem : report->problems) ADD_FAILURE() << problem;
  }
};

// From the first sync of a manifest on, calls of one kind on certain paths fail.
class FailAfterManifestSync : public os::SystemCallHook {
 public:
  FailAfterManifestSync(SystemCall call, std::string part, bool sync_fails)
      : call_(call), part_(std::move(part)), sync_fails_(sync_fails) {
    os::set_system_call_hook(this);
  }
  ~FailAfterManifestSync() override { os::set_system_call_hook(nullptr); }
  os::SystemCallVerdict before(const os::SystemCallEvent& event) override {
    const bool manifest = event.path.find("MANIFEST-") != std::string_view::npos;
    if (!synced_ && manifest && event.call == SystemCall::kDataSync) {
      synced_ = true;
      return {.error = sync_fails_ ? EIO : 0};
    }
    const bool fails =
        synced_ && event.call == call_ && event.path.find(part_) != std::string_view::npos;
    failed_ += fails ? 1 : 0;
    return {.error = fails ? EMFILE : 0};
  }
  void after(const os::SystemCallEvent&) override {}
  [[nodiscard]] int failed() const { return failed_; }

 private:
  SystemCall call_;
  std::string part_;
  bool sync_fails_;
  bool synced_ = false;
  int failed_ = 0;
};

struct Case {
  const char* name;
  SystemCall call;
  const char* part;
  bool sync_fails;
};

constexpr Case kCases[] = {
    {"the sync fails, and so does making another manifest", SystemCall::kOpen, "MANIFEST-", true},
    {"the sync fails, and so does the rename of CURRENT", SystemCall::kRename, "CURRENT", true},
    {"the sync fails, and the new manifest cannot be read", SystemCall::kRead, "MANIFEST-", true},
    {"the edit is durable and cannot be read back", SystemCall::kRead, "MANIFEST-", false},
};

TEST_F(InstallTest, AFlushInDoubtKeepsItsTables) {
  for (const Case& at : kCases) {
    SCOPED_TRACE(at.name);
    {
      Db db = open(without_thread());
      ASSERT_NO_FATAL_FAILURE(fill(db));
      {
        const FailAfterManifestSync fault(at.call, at.part, at.sync_fails);
        EXPECT_FALSE(db.flush().ok());
        EXPECT_GT(fault.failed(), 0);
      }
      ASSERT_NO_FATAL_FAILURE(expect_all(db));
      EXPECT_TRUE(db.flush().ok());
      ASSERT_NO_FATAL_FAILURE(expect_all(db));
    }
    Db again = open(without_thread());
    ASSERT_NO_FATAL_FAILURE(expect_all(again));
    ASSERT_TRUE(again.close().ok());
    ASSERT_TRUE(Db::destroy(path()).ok());
  }
}

TEST_F(InstallTest, ACompactionInDoubtKeepsItsTables) {
  for (const Case& at : kCases) {
    SCOPED_TRACE(at.name);
    {
      Db db = open(without_thread());
      ASSERT_NO_FATAL_FAILURE(fill(db));
      ASSERT_TRUE(db.flush().ok());
      {
        const FailAfterManifestSync fault(at.call, at.part, at.sync_fails);
        EXPECT_FALSE(db.compact().ok());
        EXPECT_GT(fault.failed(), 0);
      }
      ASSERT_NO_FATAL_FAILURE(expect_all(db));
      EXPECT_TRUE(db.compact().ok());
      ASSERT_NO_FATAL_FAILURE(expect_all(db));
    }
    Db again = open(without_thread());
    ASSERT_NO_FATAL_FAILURE(expect_all(again));
    ASSERT_TRUE(again.close().ok());
    ASSERT_TRUE(Db::destroy(path()).ok());
  }
}

TEST_F(InstallTest, AWriteThatNeedsAFlushInDoubtHasNotHappenedAndSaysSo) {
  Db db = open(without_thread());
  const std::string value(1000, 'v');
  {
    const test::OnSystemCall no_tables([](const os::SystemCallEvent& event) {
      return event.call == SystemCall::kOpen && event.path.ends_with(".sst.tmp") ? EIO : 0;
    });
    int i = 0;
    while (db.put("k" + std::to_string(i), value).ok()) ASSERT_LT(++i, 20'000);
  }
  {
    const FailAfterManifestSync fault(SystemCall::kOpen, "MANIFEST-", true);
    EXPECT_EQ(db.put("victim", value).code(), StatusCode::kIo);
    EXPECT_NE(fault.failed(), 0);
  }
  EXPECT_EQ(db.get("victim").value(), Found());
  EXPECT_TRUE(db.put("victim", value).ok());
}

TEST_F(InstallTest, ASyncThatFailsForWantOfADescriptorCondemnsNoLog) {
  Db db = open(without_thread());
  const std::uint64_t rolls = db.stats().value().rolls;
  {
    const test::Fault no_descriptor(SystemCall::kSyncDirectory, {.error = EMFILE});
    EXPECT_EQ(db.put("k", "v", {.durability = Durability::kDurable, .wait = {}}).code(),
              StatusCode::kNotDurable);
  }
  EXPECT_TRUE(db.put("l", "v", {.durability = Durability::kDurable, .wait = {}}).ok());
  EXPECT_EQ(db.stats().value().rolls, rolls);
}

TEST_F(InstallTest, ASpareThatWasRemovedIsMadeAnew) {
  for (const char* suffix : {".wal", ".mem"}) {
    Db db = open();
    const std::vector<std::string> before = files("", suffix);
    for (int i = 0; i < 600; ++i) {
      ASSERT_TRUE(db.put("k" + std::to_string(i), std::string(1000, 'v')).ok());
    }
    // Half of the memtable is used: the thread prepares the next.
    ASSERT_TRUE(test::comes_true([&] { return files("", suffix).size() > before.size(); }));
    for (const std::string& name : files("", suffix)) {
      if (std::find(before.begin(), before.end(), name) == before.end()) {
        std::filesystem::remove(path() + "/" + name);
      }
    }
    for (int i = 0; i < 2000; ++i) {
      ASSERT_TRUE(db.put("l" + std::to_string(i), std::string(1000, 'v')).ok()) << i;
    }
    const Status closed = db.close();
    ASSERT_TRUE(closed.ok()) << suffix << ": " << closed.to_string();
    ASSERT_TRUE(Db::destroy(path()).ok());
  }
}

}  // namespace
}  // namespace tidelock
