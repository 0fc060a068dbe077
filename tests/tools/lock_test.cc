// `tidelock lock`: turns, what it answers, and what becomes of the lock when somebody is killed.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <list>
#include <optional>
#include <sstream>

#include "support/comes_true.h"
#include "support/temporary_directory.h"
#include "tidelock/lock_queue.h"
#include "tools/tool.h"

namespace tidelock::test {
namespace {

using Words = std::vector<std::string>;

std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class LockTool : public ::testing::Test {
 protected:
  // `tidelock lock FILE OPTIONS -- PROGRAM`
  Words lock(const Words& options, const Words& program) const {
    Words words = {"lock", file_};
    words.insert(words.end(), options.begin(), options.end());
    words.push_back("--");
    words.insert(words.end(), program.begin(), program.end());
    return words;
  }
  Outcome run(const Words& options, const Words& program) const {
    return run_tool(lock(options, program));
  }
  LockInfo look() const {
    const auto info = LockQueue::look(queue_);
    return info ? *info : LockInfo();
  }
  bool is_held_by(const Tool& tool) const {
    const LockInfo info = look();
    return info.word == LockInfo::Word::kHeld && info.holder->pid == tool.pid();
  }
  bool can_be_had() const { return run({"--nonblock"}, {"true"}).code == 0; }
  // The child is the program by now, no longer a fork of the tool.
  static bool runs_a_program(const Tool& tool) {
    const std::string task = "/proc/" + std::to_string(tool.pid());
    const std::string child = content(task + "/task/" + std::to_string(tool.pid()) + "/children");
    if (child.empty()) return false;
    return content("/proc/" + child.substr(0, child.find(' ')) + "/comm") == "cat\n";
  }
  // Until it has ended, while its input stays open: what it leaves running is not waited for.
  static void see_it_end(const Tool& tool) {
    siginfo_t facts{};
    ::waitid(P_PID, static_cast<id_t>(tool.pid()), &facts, WEXITED | WNOWAIT);
  }

  TemporaryDirectory directory_;
  std::string file_ = directory_.file("data");
  std::string queue_ = directory_.file("data.tidelock");
};

// Who lets its turn stand for 20 ms is passed over, which on a busy machine is nobody's fault, so a
// round in which that happened is played again.
TEST_F(LockTool, GivesTurnsInTheOrderOfArrival) {
  const std::string log = directory_.file("log");
  LockQueue queue = LockQueue::open(queue_).value();
  std::uint64_t passed_over = 0;
  for (int round = 0; round < 10; ++round) {
    std::filesystem::remove(log);
    std::optional<LockQueue::Guard> guard = queue.acquire().value();
    std::list<Tool> tools;
    for (std::size_t i = 1; i <= 6; ++i) {
      const std::string body = "echo " + std::to_string(i) + " >> " + log;
      tools.emplace_back(lock({"--strict"}, {"sh", "-c", body}));
      ASSERT_TRUE(comes_true([&] { return look().waiters.size() == i; }));
    }
    guard.reset();
    for (Tool& tool : tools) EXPECT_EQ(tool.wait().code, 0);
    const std::uint64_t before = std::exchange(passed_over, look().totals.lapses);
    if (passed_over == before) break;
  }
  EXPECT_EQ(content(log), "1\n2\n3\n4\n5\n6\n");
}

TEST_F(LockTool, ExcludesWhileTheProgramRuns) {
  const std::string log = directory_.file("log");
  const std::string body = "echo in >> " + log + "; sleep 0.02; echo out >> " + log;
  std::list<Tool> tools;
  for (int i = 0; i < 8; ++i) {
    tools.emplace_back(lock(i % 2 == 0 ? Words{} : Words{"--strict"}, {"sh", "-c", body}));
  }
  std::string expected;
  for (Tool& tool : tools) {
    EXPECT_EQ(tool.wait().code, 0);
    expected += "in\nout\n";
  }
  EXPECT_EQ(content(log), expected);
}

TEST_F(LockTool, EndsAsTheProgramDoes) {
  EXPECT_EQ(run({}, {"true"}).code, 0);
  EXPECT_EQ(run({}, {"sh", "-c", "exit 42"}).code, 42);
  EXPECT_EQ(run({}, {"sh", "-c", "kill -KILL $$"}).code, 128 + SIGKILL);
}

TEST_F(LockTool, GivesTheProgramItsWordsAsTheyAre) {
  const Outcome outcome =
      run({}, {"printf", "<%s>", "[a,b]", "", "--", "--json", "-x", "get", "--help"});
  EXPECT_EQ(outcome.out, "<[a,b]><><--><--json><-x><get><--help>");
}

TEST_F(LockTool, GivesTheProgramItsInput) {
  EXPECT_EQ(run_tool(lock({}, {"cat"}), "what it reads").out, "what it reads");
}

TEST_F(LockTool, AnswersAtOnceOrAtItsTimeoutWhoHoldsTheLock) {
  Tool holder(lock({"--label", "nightly build"}, {"cat"}));
  ASSERT_TRUE(comes_true([&] { return is_held_by(holder); }));
  const std::string named = "held by pid " + std::to_string(holder.pid()) + " (nightly build)";

  const Outcome at_once = run({"--nonblock"}, {"true"});
  EXPECT_EQ(at_once.code, 1);
  EXPECT_NE(at_once.err.find(named), std::string::npos) << at_once.err;
  EXPECT_EQ(run({"-n", "-E", "75"}, {"true"}).code, 75);
  EXPECT_EQ(run({"-n", "--conflict-exit-code", "0"}, {"false"}).code, 0);

  const auto begun = std::chrono::steady_clock::now();
  const Outcome late = run({"--timeout", "0.25"}, {"true"});
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(250));
  EXPECT_EQ(late.code, 1);
  EXPECT_NE(late.err.find(named), std::string::npos) << late.err;
  EXPECT_NE(late.err.find("1 waits, you are 1st"), std::string::npos) << late.err;
  EXPECT_EQ(run({"-w", "0", "-E", "9"}, {"true"}).code, 9);
  EXPECT_EQ(holder.wait().code, 0);
}

TEST_F(LockTool, IsShownByTheProgramsName) {
  Tool holder(lock({}, {"/bin/cat"}));
  ASSERT_TRUE(comes_true([&] { return is_held_by(holder); }));
  EXPECT_EQ(look().holder->label, "cat");
  EXPECT_EQ(holder.wait().code, 0);
}

TEST_F(LockTool, NeverTouchesTheFile) {
  EXPECT_EQ(run({}, {"true"}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(file_));
  std::ofstream(file_) << "precious";
  ASSERT_EQ(::chmod(file_.c_str(), 0), 0);
  struct stat before {};
  struct stat after {};
  ::stat(file_.c_str(), &before);
  EXPECT_EQ(run({}, {"true"}).code, 0);
  ::stat(file_.c_str(), &after);
  EXPECT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
  EXPECT_EQ(before.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
  EXPECT_EQ(before.st_atim.tv_nsec, after.st_atim.tv_nsec);
}

TEST_F(LockTool, LocksADirectoryByAFileBesideIt) {
  std::filesystem::create_directory(file_);
  EXPECT_EQ(run_tool({"lock", file_ + "/", "--", "true"}).code, 0);
  EXPECT_TRUE(std::filesystem::exists(queue_));
  EXPECT_TRUE(std::filesystem::is_empty(file_));
}

TEST_F(LockTool, StaysLockedWhileTheProgramOfAKilledWrapperRuns) {
  Tool holder(lock({}, {"cat"}));
  ASSERT_TRUE(comes_true([&] { return is_held_by(holder); }));
  // Not before it runs: the lock is taken first.
  ASSERT_TRUE(comes_true([&] { return runs_a_program(holder); }));
  holder.kill();
  see_it_end(holder);
  EXPECT_FALSE(can_be_had());
  EXPECT_TRUE(look().holder->alive);
  EXPECT_EQ(run({"--timeout", "0.2"}, {"true"}).code, 1);
  (void)holder.wait();  // ends cat's input, and so cat
  EXPECT_EQ(run({"--timeout", "20"}, {"true"}).code, 0);
  EXPECT_EQ(look().totals.recoveries, 1u);
  EXPECT_FALSE(look().inconsistent) << "the next one said that all is well";
}

TEST_F(LockTool, IsFreeWhenTheWrapperIsKilledIfToldToClose) {
  Tool holder(lock({"--close"}, {"cat"}));
  ASSERT_TRUE(comes_true([&] { return is_held_by(holder); }));
  ASSERT_TRUE(comes_true([&] { return runs_a_program(holder); }));
  holder.kill();
  see_it_end(holder);
  EXPECT_TRUE(can_be_had()) << "though cat runs";
  EXPECT_FALSE(look().inconsistent);
}

TEST_F(LockTool, IsFreeWhenTheProgramEndsThoughItsChildrenLiveOn) {
  // The child keeps a copy of the descriptor until the pipe at its input ends.
  Tool holder(lock({}, {"sh", "-c", "exec 3<&0; cat <&3 >/dev/null & exit 0"}));
  see_it_end(holder);
  EXPECT_TRUE(can_be_had());
  EXPECT_EQ(look().totals.recoveries, 0u);
  EXPECT_EQ(holder.wait().code, 0);
}

TEST_F(LockTool, GivesTheProgramOneDescriptorOfTheQueueOrNone) {
  const Words count = {"sh", "-c", "ls -l /proc/self/fd | grep -c 'data.tidelock$'"};
  EXPECT_EQ(run({}, count).out, "1\n");
  EXPECT_EQ(run({"--close"}, count).out, "0\n");
}

TEST_F(LockTool, PassesSignalsOnAndWaitsForTheProgram) {
  const std::string ready = directory_.file("ready");
  for (const auto& [number, name] : {std::pair{SIGTERM, "TERM"}, std::pair{SIGINT, "INT"},
                                     std::pair{SIGHUP, "HUP"}, std::pair{SIGQUIT, "QUIT"}}) {
    std::filesystem::remove(ready);
    const std::string script =
        std::string("trap 'exit 42' ") + name + "; exec 3<&0; cat <&3 & echo > " + ready + "; wait";
    Tool holder(lock({}, {"sh", "-c", script}));
    ASSERT_TRUE(comes_true([&] { return std::filesystem::exists(ready); }));
    ::kill(holder.pid(), number);
    see_it_end(holder);
    EXPECT_EQ(holder.wait().code, 42) << name;
  }
  EXPECT_TRUE(can_be_had());
}

TEST_F(LockTool, DiesOfASignalThatEndsTheProgram) {
  const std::string ready = directory_.file("ready");
  Tool holder(lock({}, {"sh", "-c", "echo > " + ready + "; exec cat"}));
  ASSERT_TRUE(comes_true([&] { return std::filesystem::exists(ready); }));
  ::kill(holder.pid(), SIGTERM);
  see_it_end(holder);
  EXPECT_EQ(holder.wait().code, 128 + SIGTERM);
}

TEST_F(LockTool, StepsOverAWaiterThatIsKilled) {
  Tool holder(lock({}, {"cat"}));
  ASSERT_TRUE(comes_true([&] { return is_held_by(holder); }));
  Tool victim(lock({}, {"true"}));
  ASSERT_TRUE(comes_true([&] { return look().waiters.size() == 1; }));
  Tool next(lock({}, {"true"}));
  ASSERT_TRUE(comes_true([&] { return look().waiters.size() == 2; }));
  victim.kill();
  see_it_end(victim);
  EXPECT_EQ(holder.wait().code, 0);
  EXPECT_EQ(next.wait().code, 0);
}

TEST_F(LockTool, TellsWhatFailedBySysexits) {
  EXPECT_EQ(run_tool({"lock", file_}).code, 64);
  EXPECT_EQ(run_tool({"lock"}).code, 64);
  EXPECT_EQ(run({"--no-such-option"}, {"true"}).code, 64);
  EXPECT_EQ(run({"--timeout", "soon"}, {"true"}).code, 64);
  EXPECT_EQ(run({"-n", "-w", "1"}, {"true"}).code, 64);
  EXPECT_EQ(run({"-E", "256"}, {"true"}).code, 64);
  EXPECT_FALSE(std::filesystem::exists(queue_)) << "made only when there is something to run";
  EXPECT_EQ(run_tool({"lock", directory_.file("missing/data"), "--", "true"}).code, 73);
  std::ofstream(queue_) << "somebody's diary";
  EXPECT_EQ(run({}, {"true"}).code, 69);
  EXPECT_EQ(content(queue_), "somebody's diary");
}

TEST_F(LockTool, TellsAProgramThatCannotBeRunFromOneThatIsMissing) {
  const Outcome missing = run({}, {"no-such-program"});
  EXPECT_EQ(missing.code, 127);
  EXPECT_NE(missing.err.find("no-such-program"), std::string::npos) << missing.err;
  std::ofstream(file_) << "text";
  EXPECT_EQ(run({}, {file_}).code, 126);
  EXPECT_TRUE(can_be_had());
}

}  // namespace
}  // namespace tidelock::test
