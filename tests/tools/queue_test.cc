// `tidelock queue`: what it shows of a database's lock and of any other, once and live.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "os/crash_point.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/temporary_directory.h"
#include "tidelock/db.h"
#include "tidelock/lock_queue.h"
#include "tools/terminal.h"
#include "tools/tool.h"

namespace tidelock::test {
namespace {

using nlohmann::json;

constexpr uid_t kNobody = 65534;

json queue_of(const std::string& path) {
  const json queue = json::parse(output_of({"queue", path, "--json"}), nullptr, false);
  return queue.is_object() ? queue : json::object();  // not there yet, for those who wait for it
}

// A lock that this process holds.
class QueueTool : public ::testing::Test {
 protected:
  QueueTool() {
    queue_.emplace(LockQueue::open(file_ + ".tidelock", {.label = "the holder"}).value());
    guard_.emplace(queue_->acquire().value());
  }
  ~QueueTool() override { guard_.reset(); }

  TemporaryDirectory directory_;
  std::string file_ = directory_.file("data");
  std::optional<LockQueue> queue_;
  std::optional<LockQueue::Guard> guard_;
};

TEST_F(QueueTool, ShowsHolderAndWaitersInOrder) {
  Tool first({"lock", file_, "--label", "one", "--", "true"});
  ASSERT_TRUE(comes_true([&] { return queue_of(file_)["waiters"].size() == 1; }));
  Tool second({"lock", file_, "--label", "two", "--", "true"});
  ASSERT_TRUE(comes_true([&] { return queue_of(file_)["waiters"].size() == 2; }));
  const json queue = queue_of(file_);
  EXPECT_EQ(queue["lock"], "held");
  EXPECT_EQ(queue["holder"]["pid"], ::getpid());
  EXPECT_EQ(queue["holder"]["label"], "the holder");
  EXPECT_EQ(queue["waiters"][0]["label"], "one");
  EXPECT_EQ(queue["waiters"][1]["label"], "two");
  EXPECT_EQ(queue["waiters"][1]["place"], 2);
  EXPECT_EQ(queue["waiters"][1]["pid"], second.pid());
  EXPECT_GE(queue["waiters"][0]["waiting_ms"], queue["waiters"][1]["waiting_ms"]);
  EXPECT_EQ(queue["members"].size(), 3u) << "who looks is no member";
  const std::string text = output_of({"queue", file_});
  EXPECT_NE(text.find("held by pid " + std::to_string(::getpid()) + " (the holder) for "),
            std::string::npos)
      << text;
  guard_.reset();
  EXPECT_EQ(first.wait().code, 0);
  EXPECT_EQ(second.wait().code, 0);
  const json after = queue_of(file_);
  EXPECT_EQ(after["lock"], "free");
  EXPECT_EQ(after["history"][0]["label"], "two");
  EXPECT_EQ(after["history"][1]["label"], "one");
  EXPECT_EQ(after["totals"]["acquired"], 3);
}

TEST_F(QueueTool, TakesTheQueueFileTooAndSaysIfThereIsNone) {
  EXPECT_EQ(queue_of(file_ + ".tidelock")["lock"], "held");
  EXPECT_EQ(run_tool({"queue", directory_.file("other")}).code, 1);
  std::ofstream(directory_.file("other")) << "text";
  const Outcome never = run_tool({"queue", directory_.file("other")});
  EXPECT_EQ(never.code, 1);
  EXPECT_NE(never.err.find("no lock was ever taken on it"), std::string::npos) << never.err;
  std::ofstream(directory_.file("odd.tidelock")) << "text";
  EXPECT_EQ(run_tool({"queue", directory_.file("odd")}).code, 5) << "no queue file";
}

TEST_F(QueueTool, NeedsOnlyReadPermission) {
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0555), 0);
  ASSERT_EQ(::chmod((file_ + ".tidelock").c_str(), 0444), 0);
  Tool stranger({"queue", file_, "--json"}, ::getuid() == 0 ? kNobody : ::getuid());
  const Outcome outcome = stranger.wait();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(json::parse(outcome.out)["holder"]["alive"], true);
  EXPECT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
}

TEST_F(QueueTool, WatchesInAPipeLineByLine) {
  const std::string lines = directory_.file("lines");
  // head ends, and the pipe with it.
  EXPECT_EQ(run_by_shell("queue " + file_ +
                         " --watch --interval 0.01 --json 2>/dev/null | head -n 3 > " + lines),
            0);
  std::ifstream file(lines);
  int count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    EXPECT_EQ(json::parse(line)["holder"]["label"], "the holder");
  }
  EXPECT_EQ(count, 3);
}

TEST_F(QueueTool, WatchesOnATerminalUntilAKeyOrASignalAndGivesItBack) {
  const std::pair<const char*, int> ends[] = {{"q", 0}, {"\x03", 0}, {"", 128 + SIGTERM}};
  for (const auto& [keys, code] : ends) {
    Terminal terminal({"queue", file_, "--watch", "--interval", "0.02"});
    ASSERT_TRUE(terminal.wait_for("\x1b[?1049h")) << terminal.shown();
    ASSERT_TRUE(terminal.wait_for("(the holder)")) << terminal.shown();
    ASSERT_TRUE(terminal.wait_for("(the holder)")) << "and again: " << terminal.shown();
    EXPECT_FALSE(terminal.edits_lines());
    if (*keys == '\0') {
      ::kill(terminal.pid(), SIGTERM);
    } else {
      terminal.type(keys);
    }
    EXPECT_TRUE(terminal.wait_for("\x1b[?1049l")) << "the screen of before";
    EXPECT_EQ(terminal.wait_for_end(), code);
    EXPECT_TRUE(terminal.edits_lines());
  }
}

TEST_F(QueueTool, ShowsWhatChangesLive) {
  Terminal terminal({"queue", file_, "--watch", "--interval", "0.02"});
  ASSERT_TRUE(terminal.wait_for("held by pid")) << terminal.shown();
  guard_.reset();
  EXPECT_TRUE(terminal.wait_for("lock         free")) << terminal.shown();
  terminal.type("q");
  EXPECT_EQ(terminal.wait_for_end(), 0);
}

TEST_F(QueueTool, RefusesWhatMakesNoSense) {
  EXPECT_EQ(run_tool({"queue", file_, "--interval", "1"}).code, 2) << "only with --watch";
  EXPECT_EQ(run_tool({"queue", file_, "--watch", "--interval", "0"}).code, 2);
  EXPECT_EQ(run_tool({"queue", file_, "--history", "-1"}).code, 2);
}

// A database whose writer stands still inside.
TEST(QueueToolOfADatabase, ShowsWhoWritesAndWhoWaits) {
  TemporaryDirectory directory;
  const std::string db = directory.file("db");
  ASSERT_EQ(output_of({"create", db}), "");
  EXPECT_EQ(queue_of(db)["lock"], "free") << "nobody has it open";
  ChildProcess holder([&] {
    auto mine = Db::open(db, {.label = "stubborn"});
    if (!mine) return 1;
    os::arm_crash_point("wal.record_half", 1, SIGSTOP);
    return mine->put("half", "way").ok() ? 0 : 1;
  });
  ASSERT_TRUE(WIFSTOPPED(holder.wait_for_stop()));
  Tool waiter({"put", db, "a", "1"});
  ASSERT_TRUE(comes_true([&] { return queue_of(db)["waiters"].size() == 1; }));
  const json queue = queue_of(db);
  EXPECT_EQ(queue["lock"], "held");
  EXPECT_EQ(queue["holder"]["label"], "stubborn");
  EXPECT_EQ(queue["holder"]["pid"], holder.pid());
  EXPECT_EQ(queue["waiters"][0]["label"], "tidelock put");
  EXPECT_EQ(queue["waiters"][0]["pid"], waiter.pid());
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
  Tool stranger({"queue", db, "--json"}, ::getuid() == 0 ? kNobody : ::getuid());
  EXPECT_EQ(json::parse(stranger.wait().out)["holder"]["alive"], true);
  holder.send(SIGKILL);
  EXPECT_EQ(waiter.wait().code, 0);
  EXPECT_EQ(queue_of(db)["history"][0]["recovered"], true);
}

TEST(QueueToolOfADatabase, IsPreferredToALockOfTheSameName) {
  TemporaryDirectory directory;
  const std::string db = directory.file("db");
  ASSERT_EQ(output_of({"create", db}), "");
  Tool locked({"lock", db, "--", "cat"});
  ASSERT_TRUE(comes_true([&] { return queue_of(db + ".tidelock")["lock"] == "held"; }));
  EXPECT_EQ(queue_of(db)["lock"], "free");
  EXPECT_EQ(locked.wait().code, 0);
}

}  // namespace
}  // namespace tidelock::test
