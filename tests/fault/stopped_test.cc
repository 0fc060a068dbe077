#include <chrono>
#include <csignal>
#include <string>

#include "os/clock.h"
#include "os/crash_point.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

using std::chrono::milliseconds;

// A process is stopped, not dead, while it does something that others wait for. What it holds stays
// held; nobody waits for it beyond his deadline, and everybody is told who it is.
class StoppedTest : public test::DatabaseTest {
 protected:
  static Options labelled(const char* label) {
    Options options;
    options.background = Background::kNone;
    options.label = label;
    options.mode = OpenMode::kCreateIfMissing;
    options.fixed.memtable_size = std::size_t{1} << 20;
    return options;
  }
  // A process that runs `body` until it stops itself at a crash point.
  template <typename Body>
  test::ChildProcess stopped_at(const char* point, const Body& body) {
    test::ChildProcess child([this, point, &body] {
      Result<Db> db = Db::open(path(), labelled("the stopped one"));
      if (!db) return 1;
      os::arm_crash_point(point, 1, SIGSTOP);
      body(*db);
      return 0;
    });
    EXPECT_TRUE(WIFSTOPPED(child.wait_for_stop())) << point;
    return child;
  }
  // Ends within its deadline and a margin for a slow machine.
  template <typename Call>
  static Status in_time(const Call& call) {
    const auto begun = os::monotonic_now();
    Status status = call();
    EXPECT_LT(os::monotonic_now() - begun, milliseconds(3'000));
    return status;
  }
  static Wait shortly() {
    return {.policy = Wait::Policy::kQueue, .deadline = milliseconds(100), .backoff = {}};
  }
  static void expect_named(const Status& status) {
    EXPECT_TRUE(status.code() == StatusCode::kTimedOut || status.code() == StatusCode::kBusy)
        << status.to_string();
    ASSERT_NE(status.busy(), nullptr);
    EXPECT_EQ(status.busy()->holder_label, "the stopped one") << status.to_string();
  }
};

TEST_F(StoppedTest, InAFlush) {
  Db db = open(labelled("other"));
  test::ChildProcess child = stopped_at("flush.begun", [](Db& mine) {
    (void)mine.put("k", "v");
    (void)mine.flush();
  });
  expect_named(in_time([&] { return db.flush(shortly()); }));
  expect_named(in_time([&] { return db.flush(Wait{.policy = Wait::Policy::kFailFast}); }));
  expect_named(in_time([&] {
    Status status;
    for (int i = 0; i < 9000 && status.ok(); ++i) {
      status = db.put("k" + std::to_string(i), std::string(1000, 'v'),
                      {.durability = {}, .wait = shortly()});
    }
    return status;
  }));
  EXPECT_TRUE(in_time([&] { return db.close(shortly()); }).ok());
}

TEST_F(StoppedTest, InACompaction) {
  Db db = open(labelled("other"));
  test::ChildProcess child = stopped_at("compaction.begun", [](Db& mine) {
    (void)mine.put("k", "v");
    (void)mine.compact();
  });
  expect_named(in_time([&] { return db.compact({}, shortly()); }));
  EXPECT_TRUE(db.put("k", "w").ok());
  child.send(SIGCONT);
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
  EXPECT_TRUE(db.compact().ok());
}

TEST_F(StoppedTest, InAnInstallation) {
  Db db = open(labelled("other"));
  ASSERT_TRUE(db.put("k", "v").ok());
  test::ChildProcess child = stopped_at("install.planned", [](Db& mine) { (void)mine.flush(); });
  ASSERT_TRUE(db.put("k", "w").ok());
  expect_named(in_time([&] { return db.compact({}, shortly()); }));
}

TEST_F(StoppedTest, WhilePreparingALog) {
  Db db = open(labelled("other"));
  test::ChildProcess child = stopped_at("spare.arena_made", [](Db& mine) {
    (void)mine.put("k", "v");
    (void)mine.flush();
  });
  expect_named(in_time([&] { return db.flush(shortly()); }));
  EXPECT_TRUE(db.put("l", "v").ok());
  EXPECT_TRUE(in_time([&] { return db.close(shortly()); }).ok());
}

TEST_F(StoppedTest, WithAThreadCloseIsNotHeldUpForLong) {
  Options options = labelled("other");
  options.background = Background::kThread;
  Db db = open(options);
  test::ChildProcess child = stopped_at("install.planned", [](Db& mine) {
    (void)mine.put("k", "v");
    (void)mine.flush();
  });
  for (int i = 0; i < 700; ++i)
    ASSERT_TRUE(db.put("k" + std::to_string(i), std::string(1000, 'v')).ok());
  const auto begun = os::monotonic_now();
  EXPECT_TRUE(db.close(shortly()).ok());
  EXPECT_LT(os::monotonic_now() - begun, milliseconds(6'000));
}

TEST_F(StoppedTest, WhileItRebuildsTheSharedState) {
  { Db db = open(labelled("first")); }
  std::filesystem::remove(path() + "/STATE");
  test::ChildProcess child([this] {
    os::arm_crash_point("rebuild.begun", 1, SIGSTOP);
    return Db::open(path(), labelled("the stopped one")) ? 0 : 1;
  });
  EXPECT_TRUE(WIFSTOPPED(child.wait_for_stop()));
  Options options = labelled("other");
  options.wait = shortly();
  EXPECT_EQ(in_time([&] { return Db::open(path(), options).status(); }).code(),
            StatusCode::kTimedOut);
  options.wait.policy = Wait::Policy::kFailFast;
  EXPECT_EQ(in_time([&] { return Db::open(path(), options).status(); }).code(), StatusCode::kBusy);
  child.send(SIGCONT);
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
}

}  // namespace
}  // namespace tidelock
