// What the program says while another process stands in the way, and once that one is dead.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "os/crash_point.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"
#include "tidelock/db.h"
#include "tools/tool.h"

namespace tidelock::test {
namespace {

// A process that is stopped while it holds the writer lock of a database.
class Busy : public ::testing::Test {
 protected:
  Busy() {
    EXPECT_EQ(output_of({"create", db_}), "");
    EXPECT_EQ(output_of({"put", db_, "before", "1"}), "");
    holder_.emplace([this] { return put_and_stop(); });
    EXPECT_TRUE(WIFSTOPPED(holder_->wait_for_stop()));
  }

  int put_and_stop() const {
    auto db = Db::open(db_, {.label = "stubborn"});
    if (!db) return 1;
    os::arm_crash_point("wal.record_half", 1, SIGSTOP);
    return db->put("half", "way").ok() ? 0 : 1;
  }

  TemporaryDirectory directory_;
  std::string db_ = directory_.file("db");
  std::optional<ChildProcess> holder_;
};

TEST_F(Busy, FailFastNamesTheHolderAtOnce) {
  const Outcome outcome = run_tool({"put", db_, "a", "1", "--wait", "fail-fast", "--json"});
  EXPECT_EQ(outcome.code, 3);
  const auto error = nlohmann::json::parse(outcome.err);
  EXPECT_EQ(error["error"], "busy");
  EXPECT_EQ(error["busy"]["reason"], "writer lock");
  EXPECT_EQ(error["busy"]["holder_pid"], holder_->pid());
  EXPECT_EQ(error["busy"]["holder_label"], "stubborn");
}

TEST_F(Busy, EveryWayToWriteNamesTheHolder) {
  const std::vector<std::vector<std::string>> commands = {
      {"load", db_, "-", "--jobs", "1"}, {"load", db_, "-", "--jobs", "3"}, {"shell", db_}};
  for (std::vector<std::string> command : commands) {
    const bool shell = command[0] == "shell";
    if (!shell) command.insert(command.end(), {"--wait", "fail-fast", "--json"});
    const Outcome outcome = run_tool(command, shell ? "put a 1 --wait fail-fast --json\n" : "a\n");
    EXPECT_EQ(outcome.code, 3) << ::testing::PrintToString(command);
    const auto error = nlohmann::json::parse(outcome.err);
    EXPECT_EQ(error["busy"]["holder_pid"], holder_->pid());
    EXPECT_EQ(error["busy"]["holder_label"], "stubborn");
  }
}

TEST_F(Busy, TheDeadlineEndsTheWaiting) {
  const Outcome outcome = run_tool({"put", db_, "a", "1", "--deadline", "100ms"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_NE(outcome.err.find("stubborn"), std::string::npos) << outcome.err;
  EXPECT_EQ(run_tool({"put", db_, "a", "1", "--wait", "backoff", "--deadline", "100ms"}).code, 3);
}

TEST_F(Busy, ReadingGoesOn) {
  EXPECT_EQ(output_of({"scan", db_}), "before\t1\n");
  EXPECT_EQ(run_tool({"check", db_}).code, 0);
}

TEST_F(Busy, AWaiterGoesOnWhenTheHolderDies) {
  Tool waiter({"put", db_, "a", "1"});
  holder_->send(SIGKILL);
  EXPECT_EQ(waiter.wait().code, 0);
  EXPECT_EQ(output_of({"scan", db_}), "a\t1\nbefore\t1\n") << "half a record is no write";
}

}  // namespace
}  // namespace tidelock::test
