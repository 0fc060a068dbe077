#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>

#include "support/child_process.h"
#include "support/fault.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

using Found = std::optional<std::string>;

std::string key_of(int i) {
  return "k" + std::to_string(10'000 + i);
}

class FullDiskTest : public test::DatabaseTest {
 protected:
  static Options without_thread() {
    Options options;
    options.background = Background::kNone;
    return options;
  }
  // Puts until one fails: how many succeeded.
  static int fill(Db& db, Status& failure, int most = 10'000) {
    int i = 0;
    for (; i < most; ++i) {
      failure = db.put(key_of(i), std::string(1000, 'v'));
      if (!failure.ok()) break;
    }
    return i;
  }
  // Exactly the first `count` keys are there.
  static void expect_keys(Db& db, int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(db.exists(key_of(i)).value()) << i;
    EXPECT_FALSE(db.exists(key_of(count)).value()) << "the write that failed left nothing";
  }
  [[nodiscard]] std::size_t tables() const { return files("", ".sst").size(); }
};

TEST_F(FullDiskTest, AWriteThatFindsNoRoomForANewLogFailsAndChangesNothing) {
  Db db = open(without_thread());
  Status failure;
  int written = 0;
  {
    const test::Fault full(os::SystemCall::kAllocate, {.error = ENOSPC});
    written = fill(db, failure);
    EXPECT_EQ(failure.code(), StatusCode::kNoSpace) << failure.to_string();
    EXPECT_NE(failure.message().find(path()), std::string::npos) << failure.to_string();
    expect_keys(db, written);
    EXPECT_EQ(db.put("another", std::string(1000, 'v')).code(), StatusCode::kNoSpace);
  }
  EXPECT_GT(written, 500) << "the log that exists is used up first";
  EXPECT_TRUE(db.put(key_of(written), "room again").ok());
  EXPECT_TRUE(db.check().value().problems.empty());
}

TEST_F(FullDiskTest, WhatIsSealedIsFlushedAlthoughThereIsNoRoomForANewLog) {
  Db db = open(without_thread());
  // Two memtables, the first of them sealed.
  Status failure;
  (void)fill(db, failure, 1500);
  const std::uint64_t flushes = db.stats().value().flushes;
  const test::Fault full(os::SystemCall::kAllocate, {.error = ENOSPC});
  for (int i = 0; i < 3000; ++i) (void)db.put(key_of(i), std::string(1000, 'w'));
  EXPECT_GT(db.stats().value().flushes, flushes);
  EXPECT_EQ(db.stats().value().sealed_memtables, 0u);
}

TEST_F(FullDiskTest, AFlushThatFailsLeavesNoTableAndIsRepeated) {
  for (const os::SystemCall call : {os::SystemCall::kOpen, os::SystemCall::kWrite,
                                    os::SystemCall::kSync, os::SystemCall::kRename}) {
    SCOPED_TRACE(static_cast<int>(call));
    Db db = open(without_thread());
    ASSERT_TRUE(db.put("k", "v").ok());
    const std::size_t before = tables();
    {
      const test::Fault full(call, {.error = ENOSPC}, ".sst.tmp");
      const Status status = db.flush();
      EXPECT_EQ(status.code(), StatusCode::kNoSpace) << status.to_string();
      EXPECT_GT(full.calls(), 0);
    }
    EXPECT_EQ(tables(), before);
    EXPECT_EQ(db.get("k").value(), Found("v"));
    EXPECT_TRUE(db.flush().ok());
    EXPECT_EQ(tables(), before + 1);
    EXPECT_EQ(db.get("k").value(), Found("v"));
  }
}

TEST_F(FullDiskTest, AManifestThatCannotGrowLeavesTheOldTables) {
  Db db = open(without_thread());
  ASSERT_TRUE(db.put("k", "1").ok());
  ASSERT_TRUE(db.flush().ok());
  const std::string manifest = files("MANIFEST-").at(0);
  ASSERT_TRUE(db.put("k", "2").ok());
  {
    const test::Fault full(os::SystemCall::kWrite, {.error = ENOSPC}, manifest);
    EXPECT_EQ(db.flush().code(), StatusCode::kNoSpace);
    EXPECT_GT(full.calls(), 0);
  }
  EXPECT_EQ(db.get("k").value(), Found("2"));
  ASSERT_TRUE(db.flush().ok());
  ASSERT_TRUE(db.put("k", "3").ok());
  {
    // Its bytes are there, but perhaps not for long: a new manifest takes its place.
    const test::Fault failing(os::SystemCall::kDataSync, {.error = EIO}, manifest);
    EXPECT_TRUE(db.flush().ok());
    EXPECT_EQ(failing.calls(), 1);
  }
  EXPECT_FALSE(std::filesystem::exists(path() + "/" + manifest));
  ASSERT_TRUE(db.close().ok());
  Db again = open();
  EXPECT_EQ(again.get("k").value(), Found("3"));
  EXPECT_TRUE(again.check().value().problems.empty());
}

TEST_F(FullDiskTest, ACompactionThatFailsLeavesTheOldTables) {
  Db db = open(without_thread());
  for (const char* value : {"1", "2", "3"}) {
    ASSERT_TRUE(db.put("k", value).ok());
    ASSERT_TRUE(db.flush().ok());
  }
  const std::size_t before = tables();
  {
    const test::Fault full(os::SystemCall::kWrite, {.error = ENOSPC}, ".sst.tmp");
    EXPECT_EQ(db.compact().code(), StatusCode::kNoSpace);
  }
  EXPECT_EQ(tables(), before);
  EXPECT_EQ(db.get("k").value(), Found("3"));
  EXPECT_TRUE(db.compact().ok());
  EXPECT_EQ(db.get("k").value(), Found("3"));
}

TEST_F(FullDiskTest, CreatingADatabaseThatDoesNotFitLeavesNone) {
  Options options;
  options.mode = OpenMode::kCreate;
  {
    const test::Fault full(os::SystemCall::kAllocate, {.error = ENOSPC});
    EXPECT_EQ(Db::open(path(), options).status().code(), StatusCode::kNoSpace);
  }
  EXPECT_FALSE(std::filesystem::exists(path()));
  std::filesystem::create_directory(path());
  {
    const test::Fault full(os::SystemCall::kAllocate, {.error = ENOSPC});
    EXPECT_EQ(Db::open(path(), options).status().code(), StatusCode::kNoSpace);
  }
  EXPECT_TRUE(std::filesystem::is_empty(path())) << "what was there before stays";
  EXPECT_TRUE(Db::open(path(), options).has_value());
}

TEST_F(FullDiskTest, ACreationThatFailsAtAnyFileOrNameLeavesNone) {
  struct Case {
    os::SystemCall call;
    const char* suffix;
  };
  for (const Case& at :
       {Case{os::SystemCall::kOpen, "MANIFEST-000001"}, Case{os::SystemCall::kOpen, "CURRENT.tmp"},
        Case{os::SystemCall::kWrite, "CURRENT.tmp"}, Case{os::SystemCall::kRename, "CURRENT.tmp"},
        Case{os::SystemCall::kOpen, "STATE"}}) {
    SCOPED_TRACE(at.suffix);
    Options options;
    options.mode = OpenMode::kCreate;
    for (const bool there : {false, true}) {
      if (there) std::filesystem::create_directory(path());
      {
        const test::Fault full(at.call, {.error = ENOSPC}, at.suffix);
        EXPECT_EQ(Db::open(path(), options).status().code(), StatusCode::kNoSpace);
        EXPECT_GT(full.calls(), 0);
      }
      EXPECT_EQ(std::filesystem::exists(path()), there);
      EXPECT_TRUE(!there || std::filesystem::is_empty(path()));
      std::filesystem::remove(path());
    }
  }
}

TEST_F(FullDiskTest, ACreationWhoseLastSyncFailsSaysSoAndStands) {
  Options options;
  options.mode = OpenMode::kCreate;
  {
    class LastSyncFails : public os::SystemCallHook {
     public:
      LastSyncFails() { os::set_system_call_hook(this); }
      ~LastSyncFails() override { os::set_system_call_hook(nullptr); }
      os::SystemCallVerdict before(const os::SystemCallEvent& event) override {
        renamed_ = renamed_ || event.call == os::SystemCall::kRename;
        const bool fails = renamed_ && event.call == os::SystemCall::kSyncDirectory;
        return {.error = fails ? EIO : 0};
      }
      void after(const os::SystemCallEvent&) override {}

     private:
      bool renamed_ = false;
    };
    const LastSyncFails failing;
    EXPECT_EQ(Db::open(path(), options).status().code(), StatusCode::kNotDurable);
  }
  EXPECT_TRUE(Db::open(path())->put("k", "v").ok());
  EXPECT_EQ(Db::open(path(), options).status().code(), StatusCode::kExists);
}

// The kernel's own limit: a process that may not write files beyond 512 KiB.
TEST_F(FullDiskTest, AFileSizeLimitIsNoSpaceAndOnlyForTheProcessThatHasIt) {
  Db db = open(without_thread());
  test::ChildProcess limited([this] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 512 << 10, .rlim_max = 512 << 10};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    Result<Db> mine = Db::open(path(), without_thread());
    if (!mine) return 2;
    Status failure;
    const int written = fill(*mine, failure);
    if (failure.code() != StatusCode::kNoSpace) return 3;
    for (int i = 0; i < written; ++i) {
      if (!mine->exists(key_of(i)).value()) return 4;
    }
    return mine->put("small", "v").code() == StatusCode::kNoSpace || written > 0 ? 0 : 5;
  });
  const int status = limited.wait();
  EXPECT_TRUE(test::exited_with(status, 0)) << WEXITSTATUS(status);
  Status failure;
  EXPECT_EQ(fill(db, failure, 3000), 3000) << failure.to_string();
}

}  // namespace
}  // namespace tidelock
