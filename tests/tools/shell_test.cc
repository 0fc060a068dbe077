// The shell in a pipe and on a terminal.

#include <gtest/gtest.h>
#include <fstream>

#include "support/temporary_directory.h"
#include "tools/terminal.h"
#include "tools/tool.h"

namespace tidelock::test {
namespace {

class Shell : public ::testing::Test {
 protected:
  Shell() { EXPECT_EQ(output_of({"create", db_}), ""); }

  TemporaryDirectory directory_;
  std::string db_ = directory_.file("fruit");
};

TEST_F(Shell, RunsTheLinesOfAPipeWithoutPrompt) {
  const Outcome outcome = run_tool({"shell", db_},
                                   "put apple red\n"
                                   "put 'two words' \"a\\tb\"\n"
                                   "# a comment, and a blank line\n"
                                   "\n"
                                   "get apple\n"
                                   "scan --json\n"
                                   "count --prefix t\n");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "red\n"
            "{\"key\":\"apple\",\"value\":\"red\"}\n"
            "{\"key\":\"two words\",\"value\":\"a\\tb\"}\n"
            "1\n");
}

TEST_F(Shell, NamesTheLineThatFailsAndGoesOn) {
  const Outcome outcome = run_tool({"shell", db_}, "get nothing\nbogus\nput a 1\nget a\n");
  EXPECT_EQ(outcome.code, 2) << "the highest";
  EXPECT_EQ(outcome.out, "1\n");
  EXPECT_NE(outcome.err.find("line 1: not found"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("line 2: invalid: there is no command 'bogus'"), std::string::npos);
}

TEST_F(Shell, StopsAtTheFirstFailureIfAsked) {
  const Outcome outcome = run_tool({"shell", db_, "--bail"}, "get nothing\nput a 1\n");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(output_of({"count", db_}), "0\n");
}

TEST_F(Shell, KeepsOptionsToTheirLine) {
  const Outcome outcome =
      run_tool({"shell", db_}, "put 00ff 1 --key-format hex\nget 00ff\nget \\x00\\xff\n");
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "1\n");
}

TEST_F(Shell, ALineSaysHowItsWriteWaitsAndLasts) {
  const Outcome outcome = run_tool({"shell", db_},
                                   "put a 1 --durability durable --deadline 1s --wait fail-fast\n"
                                   "stats --json\n");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("\"synced_commits\":1"), std::string::npos) << outcome.out;
}

TEST_F(Shell, AnswersALinesErrorAsTheLineAsks) {
  const Outcome outcome = run_tool({"shell", db_}, "get a --json\nget --json\nget a\n");
  EXPECT_NE(outcome.err.find("\"place\":\"line 1\""), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("\"place\":\"line 2\""), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("tidelock: line 3: "), std::string::npos) << outcome.err;
}

TEST_F(Shell, NoticesThatItsAnswersAreLost) {
  const std::string commands = directory_.file("commands");
  std::ofstream(commands) << "put a 1\nget a\n";
  EXPECT_EQ(run_by_shell("shell " + db_ + " <" + commands + " >/dev/full 2>&1"), 5);
}

TEST_F(Shell, WritesNothingWhenReadOnly) {
  const Outcome outcome = run_tool({"shell", db_, "--read-only"}, "put a 1\ncount\n");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "0\n");
}

TEST_F(Shell, TakesNoDataFromItsCommands) {
  const Outcome outcome = run_tool({"shell", db_}, "put a\nload -\ncount\n");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "0\n");
}

// The shell on a terminal of its own.
class ShellTerminal : public Terminal {
 public:
  ShellTerminal(const std::string& db, const std::string& home, const char* locale = "C.UTF-8")
      : Terminal({"shell", db}, {{"HOME", home}, {"LC_ALL", locale}}) {}
};

TEST_F(Shell, PromptsCompletesAndRemembersOnATerminal) {
  ASSERT_EQ(run_tool({"put", db_, "apple pie", "sweet"}).code, 0);
  {
    ShellTerminal terminal(db_, directory_.path());
    ASSERT_TRUE(terminal.wait_for("fruit> ")) << terminal.shown();
    terminal.type("ge\tapp\t\n");
    EXPECT_TRUE(terminal.wait_for("sweet")) << terminal.shown();
    ASSERT_TRUE(terminal.wait_for("fruit> ")) << terminal.shown();
    terminal.type("put bell \\x07\n");
    ASSERT_TRUE(terminal.wait_for("fruit> ")) << terminal.shown();
    terminal.type("get bell\n");
    EXPECT_TRUE(terminal.wait_for("\n\\x07")) << "escaped on a terminal: " << terminal.shown();
    ASSERT_TRUE(terminal.wait_for("fruit> ")) << terminal.shown();
    terminal.type("quit\n");
    EXPECT_EQ(terminal.wait_for_end(), 0);
  }
  ShellTerminal again(db_, directory_.path());
  ASSERT_TRUE(again.wait_for("fruit> ")) << again.shown();
  again.type("\x1b[A\x1b[A\n");  // up twice: "get bell"
  EXPECT_TRUE(again.wait_for("\n\\x07")) << again.shown();
  // Only at a prompt: a terminal not yet in raw mode keeps the key for itself.
  ASSERT_TRUE(again.wait_for("fruit> ")) << again.shown();
  again.type("\x04");  // end of input
  EXPECT_EQ(again.wait_for_end(), 0);
}

TEST_F(Shell, ForgetsTheLineAtCtrlCAndGoesOn) {
  ShellTerminal terminal(db_, directory_.path());
  ASSERT_TRUE(terminal.wait_for("fruit> ")) << terminal.shown();
  terminal.type("put a 1\n");
  ASSERT_TRUE(terminal.wait_for("fruit> ")) << terminal.shown();
  terminal.type("put b é\x1b[D\x03");
  ASSERT_TRUE(terminal.wait_for("^C")) << terminal.shown();
  ASSERT_TRUE(terminal.wait_for("fruit> ")) << terminal.shown();
  terminal.type("count\n");
  EXPECT_TRUE(terminal.wait_for("\n1")) << "the next line stands alone: " << terminal.shown();
  std::ifstream history(directory_.file(".tidelock_history"));
  const std::string text(std::istreambuf_iterator<char>(history), {});
  EXPECT_NE(text.find("put"), std::string::npos) << "saved line by line";
}

TEST_F(Shell, ShowsTheProgressOfADumpOnlyWhereItDisturbsNothing) {
  ASSERT_EQ(run_tool({"put", db_, "a", "1"}).code, 0);
  ASSERT_EQ(run_tool({"compact", db_}).code, 0);
  ShellTerminal terminal(db_, directory_.path());
  ASSERT_TRUE(terminal.wait_for("fruit> ")) << terminal.shown();
  terminal.type("dump\n");
  ASSERT_TRUE(terminal.wait_for("\na\t1")) << terminal.shown();
  EXPECT_EQ(terminal.shown().find("dumping"), std::string::npos) << terminal.shown();
  ASSERT_TRUE(terminal.wait_for("fruit> ")) << terminal.shown();
  terminal.type("dump " + directory_.file("out") + "\n");
  EXPECT_TRUE(terminal.wait_for("dumping  [##")) << terminal.shown();
  EXPECT_TRUE(terminal.wait_for("wrote 1 entry")) << terminal.shown();
}

TEST_F(Shell, TakesUtf8WithoutALocale) {
  ShellTerminal terminal(db_, directory_.path(), "C");
  ASSERT_TRUE(terminal.wait_for("fruit> ")) << terminal.shown();
  terminal.type("put é 1\n");
  ASSERT_TRUE(terminal.wait_for("fruit> ")) << terminal.shown();
  terminal.type("\x04");
  EXPECT_EQ(terminal.wait_for_end(), 0);
  EXPECT_EQ(output_of({"scan", db_}), "é\t1\n");
}

}  // namespace
}  // namespace tidelock::test
