// The program as its users run it: real processes on a real database.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "agent_program.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace tidelock::test {
namespace {

using Agent = AgentTest;

TEST_F(Agent, LosesNothingWhileClientsAreKilled) {
  const Json report = good_run("--processes 4 --seconds 1 --kill-every 15 --key-count 1000");
  EXPECT_GT(report["kills"], 20);
  EXPECT_GT(report["acknowledged"], 1'000);
  EXPECT_GT(report["recovery_ms"]["max"], 0.0);
}

TEST_F(Agent, LosesNothingWhileClientsThatQueueAreKilled) {
  const Json report =
      good_run("--processes 4 --seconds 1 --kill-every 15 --key-count 1000 --wait queue");
  EXPECT_GT(report["kills"], 20);
  EXPECT_EQ(report["retries"], 0);
}

TEST_F(Agent, LosesNothingOnAFewHotKeysOfManyThreads) {
  good_run(
      "--processes 3 --threads 3 --seconds 1 --kill-every 50 --key-count 5 --keys zipfian "
      "--erase-percent 30 --backoff decorrelated-jitter");
}

TEST_F(Agent, DoesAsManyOperationsAsItIsAskedFor) {
  const Json report = good_run("--processes 2 --threads 2 --ops 10001 --value-size 24");
  EXPECT_EQ(report["operations"], 10'001);
  EXPECT_EQ(report["reads"].get<int>() + report["writes"].get<int>(), 10'001);
  EXPECT_EQ(report["acknowledged"], report["writes"]);
}

TEST_F(Agent, DoesAsManyOperationsAsItIsAskedForThoughClientsAreKilled) {
  const Json report = good_run("--processes 2 --ops 100000 --kill-every 20 --key-count 100");
  EXPECT_GE(report["operations"], 99'000);
}

TEST_F(Agent, FailsARunThatIsLessFairThanAskedFor) {
  const std::string slow =
      "--processes 4 --slow 2 --slow-think 20 --seconds 0.6 --wait queue --verify=none";
  EXPECT_EQ(run(slow + " --fairness-limit 0.9").exit_code, 7);
  EXPECT_EQ(run(slow + " --fairness-limit 0.3").exit_code, 0);
}

// A third of the time nobody may write. In a closed loop each client meets that once, and
// asks for nothing meanwhile; in an open one all that was due then has waited.
TEST_F(Agent, ShowsInAnOpenLoopTheStallThatAClosedLoopHides) {
  const std::string stalls =
      "--processes 2 --seconds 2 --mix put=1 --key-count 100 --stop-every 900 --stop-for 300 "
      "--verify=none ";
  const Json closed = good_run(stalls);
  const Json open = good_run(stalls + "--rate 1000");
  EXPECT_GT(closed["stops"], 0);
  EXPECT_GT(open["stops"], 0);
  EXPECT_LT(closed["latency_us"]["p99"], 50'000);
  EXPECT_GT(open["latency_us"]["p99"], 150'000);
}

TEST_F(Agent, TimesInAnOpenLoopWhatWasDueAndNeverBegun) {
  const Json report = good_run(
      "--processes 1 --rate 1000 --seconds 0.6 --stop-every 400 --stop-for 5000 --key-count 100");
  EXPECT_GT(report["never_begun"], 100);
  EXPECT_NEAR(report["operations"].get<int>() + report["never_begun"].get<int>(), 600, 30);
  EXPECT_GT(report["latency_us"]["p99"], 150'000);
}

TEST_F(Agent, GoesOnInAnOpenLoopWhereTheVisitorBeforeLeftIt) {
  const Json report = good_run("--processes 1 --rate 100 --visit-ops 1 --seconds 0.5");
  EXPECT_GT(report["visits"], 5);
  EXPECT_NEAR(report["operations"].get<int>() + report["never_begun"].get<int>(), 50, 5);
}

TEST_F(Agent, CountsWritesThatFindNoSpaceAndGoesOnWhenThereIsSome) {
  if (::geteuid() != 0) {
    std::printf("not tried: mounting a small disk needs root\n");
    return;
  }
  const Json report = good_run(
      "--seconds 2 --disk-size 24M --memtable-size 1048576 --read-percent 0 "
      "--value-size 1000 --key-count 100000 --erase-percent 0");
  EXPECT_GT(report["no_space"], 0);
}

// Nobody else ever sees it mounted, so nothing is left of it whatever kills the agent.
TEST_F(Agent, KeepsASmallDiskToItself) {
  if (::geteuid() != 0) {
    std::printf("not tried: mounting a small disk needs root\n");
    return;
  }
  const std::string db = directory_.file("db");
  good_run("--ops 100 --disk-size 24M --memtable-size 1048576");
  EXPECT_TRUE(std::filesystem::is_empty(db));
  const std::string command = std::string(TIDELOCK_AGENT) + " run " + db +
                              " --seconds 60 --disk-size 24M --memtable-size 1048576" +
                              " 2>/dev/null & until grep -q " + db +
                              " /proc/$!/mountinfo; do :; done; grep " + db +
                              " /proc/self/mountinfo; kill -9 $!; wait $!";
  const Answer answer = answer_of(command);
  EXPECT_EQ(answer.exit_code, 128 + SIGKILL);
  EXPECT_EQ(answer.output, "");
}

TEST_F(Agent, HasClientsThatComeForAFewOperations) {
  const Json report = good_run("--processes 3 --seconds 1 --visit-ops 100 --key-count 1000");
  EXPECT_GT(report["visits"], 10);
}

TEST_F(Agent, HasClientsThatOnlyReadFromViewsThatTheyHold) {
  const Json report = good_run(
      "--processes 3 --readers 2 --hold-view 200 --mix view=1,put=1 --ops 3000 --verify "
      "--key-count 1000");
  EXPECT_LE(report["writes"], 1'000);
  EXPECT_GT(report["history"]["snapshots"], 0);
}

TEST_F(Agent, RunsTheWorkloadsOfYcsb) {
  for (const char* workload : {"a", "d", "e", "f"}) {
    const Json report = good_run("--workload " + std::string(workload) +
                                 " -p operationcount=3000 --processes 3 --verify");
    EXPECT_EQ(report["operations"], 3'000);
    EXPECT_EQ(report["loaded"], 1'000);
    const Json insert = report["actions"].value("insert", Json{{"count", 0}});
    EXPECT_EQ(report["keys_checked"], 1'000 + insert["count"].get<int>());
    EXPECT_EQ(report["strangers"], 0);
    std::filesystem::remove_all(directory_.file("db"));
  }
}

TEST_F(Agent, DoesAgainWhatItRecorded) {
  const std::string trace = directory_.file("trace");
  const Json first = good_run(
      "--processes 2 --ops 3000 --key-count 200 --value-size uniform:32-200 --verify "
      "--durable-percent 2 --mix get=4,put=4,delete=1,scan=1,batch=1,view=1 --record " +
      trace);
  for (const char* timing : {"original", "fast"}) {
    const std::string again_trace = directory_.file(timing);
    std::filesystem::remove_all(directory_.file("db"));
    const Json again = good_run("--verify --preload --replay " + trace + " --replay-timing " +
                                std::string(timing) + " --record " + again_trace);
    const auto without_times = [](const std::string& file) {
      return answer_of("cut -f 2- " + file + " | sort").output;
    };
    EXPECT_EQ(without_times(again_trace), without_times(trace));
    EXPECT_EQ(again["settings"]["replay"], trace);
    EXPECT_EQ(again["settings"]["mix"], nullptr);
    EXPECT_EQ(again["resources"]["user_bytes"], first["resources"]["user_bytes"]);
    EXPECT_EQ(again["operations"], first["operations"]);
    for (const char* action : {"get", "put", "delete", "scan", "batch", "view"}) {
      EXPECT_EQ(again["actions"][action]["count"], first["actions"][action]["count"]) << action;
    }
  }
}

TEST_F(Agent, PreloadsEveryKey) {
  const Json report =
      good_run("--key-count 5000 --preload --read-percent 100 --ops 1000 --processes 2");
  EXPECT_EQ(report["loaded"], 5'000);
  EXPECT_EQ(report["writes"], 0);
}

TEST_F(Agent, WritesTheKeysOfAFile) {
  std::ofstream(directory_.file("keys")) << "delta\nalpha\n\ncharlie\nbravo\nalpha\n";
  const Json report = good_run("--key-file " + directory_.file("keys") + " --ops 5000");
  EXPECT_EQ(report["settings"]["key_count"], 4);
  std::ofstream(directory_.file("weights")) << "1\n1\n1\n1\n1\n";
  EXPECT_EQ(run("--keys weighted --key-weights " + directory_.file("weights") + " --key-file " +
                directory_.file("keys"))
                .exit_code,
            2);
}

TEST_F(Agent, WritesDurably) {
  const Json report = good_run("--durability durable --processes 3 --ops 300 --read-percent 0");
  EXPECT_EQ(report["acknowledged"], 300);
}

TEST_F(Agent, GoesOnWithADatabaseThatHasBeenUsedBefore) {
  good_run("--ops 5000 --key-count 100");
  good_run("--ops 5000 --key-count 100 --seed 1");
}

TEST_F(Agent, ReportsEverythingThatProgramsRead) {
  const Json report = good_run("--ops 1000 --seed 99");
  for (const char* field : {"operations", "ops_per_second", "acknowledged", "lost",
                            "contradictions", "kills", "retries", "jain", "waits", "reads",
                            "writes", "check_problems", "longest_wait_ms", "seed"}) {
    EXPECT_TRUE(report[field].is_number()) << field;
  }
  for (const char* group : {"latency_us", "recovery_ms"}) {
    for (const char* field : {"p50", "p99", "p999", "max"}) {
      EXPECT_TRUE(report[group][field].is_number()) << group << "." << field;
    }
  }
  EXPECT_EQ(report["seed"], 99);
  EXPECT_EQ(report["settings"]["wait"], "fail-fast");
  EXPECT_EQ(report["settings"]["backoff"], "full-jitter");
}

TEST_F(Agent, MeasuresWhatTheClientsTake) {
  const Json report = good_run("--seconds 0.5 --interval 100ms --kill-every 100");
  EXPECT_GE(report["intervals"], 2);  // of five, if the machine is busy
  for (const char* figure : {"average", "minimum", "maximum", "median"}) {
    EXPECT_GT(report["writes_per_second"][figure], 0) << figure;
  }
  EXPECT_GT(report["resources"]["cpu_us_per_operation"], 0);
  EXPECT_GT(report["resources"]["user_bytes"], report["writes"]);
  EXPECT_GT(report["resources"]["directory_end_bytes"], 0);
  EXPECT_GT(report["longest_gap_ms"], 0);
  EXPECT_EQ(report["clients"].size(), 4u);
  std::uint64_t operations = 0;
  for (const Json& client : report["clients"]) operations += client["operations"].get<int>();
  EXPECT_EQ(report["operations"], operations);
}

TEST_F(Agent, WritesALineForEachInterval) {
  const std::string file = directory_.file("intervals.csv");
  const int whole = good_run("--seconds 0.5 --interval 100ms --csv " + file)["intervals"];
  std::ifstream csv(file);
  std::string line, heads;
  std::getline(csv, heads);
  EXPECT_TRUE(heads.starts_with("end_s,seconds,operations,reads,writes,")) << heads;
  int intervals = 0;
  for (; std::getline(csv, line); ++intervals) {
    EXPECT_EQ(std::count(line.begin(), line.end(), ','),
              std::count(heads.begin(), heads.end(), ','));
  }
  EXPECT_GE(whole, 2);
  EXPECT_GE(intervals, whole);
  EXPECT_LE(intervals, whole + 1);  // the last may be short

  const Answer progress = run("--seconds 0.5 --interval 100ms 2>&1 >/dev/null");
  EXPECT_GE(std::count(progress.output.begin(), progress.output.end(), '\n'), 2) << progress.output;
  EXPECT_EQ(progress.output.find('\033'), std::string::npos) << progress.output;
}

TEST_F(Agent, WritesAPageThatRefersToNothingOutsideOfIt) {
  const std::string page =
      run("--seconds 0.3 --interval 100ms --kill-every 50 --html - 2>/dev/null").output;
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
  for (const char* reference : {"http", "src=", "href=", "@import", "url(", "<script", "nan"}) {
    EXPECT_EQ(page.find(reference), std::string::npos) << reference;
  }
  std::vector<std::string> open;  // elements
  for (std::size_t at = 0; (at = page.find('<', at)) != std::string::npos; ++at) {
    const std::size_t end = page.find('>', at);
    const std::string tag = page.substr(at + 1, page.find_first_of(" >/", at + 2) - at - 1);
    if (page[at + 1] == '!' || tag == "meta" || page[end - 1] == '/') continue;
    if (page[at + 1] != '/') {
      open.push_back(tag);
      continue;
    }
    const std::string closed = page.substr(at + 2, end - at - 2);
    ASSERT_FALSE(open.empty()) << closed;
    ASSERT_EQ(open.back(), closed);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

TEST_F(Agent, ComparesTheReportsOfRuns) {
  const std::string a = directory_.file("a.json"), b = directory_.file("b.json");
  EXPECT_EQ(run("--ops 1000 --json >" + a).exit_code, 0);
  EXPECT_EQ(run("--ops 2000 --json >" + b).exit_code, 0);
  const std::string compare = std::string(TIDELOCK_AGENT) + " compare ";
  EXPECT_EQ(WEXITSTATUS(std::system((compare + a + " " + b + " >/dev/null").c_str())), 0);
  const Json sides = answer_of(compare + a + " " + b + " -- " + b + " --json").json();
  ASSERT_EQ(sides["figures"][0]["figure"], "operations/s");
  EXPECT_EQ(sides["sides"], (Json{{a, b}, {b}}));
  EXPECT_GT(sides["figures"][0]["ratios"][1]["greatest"], 0);
  const auto complaint = [&](const std::string& other) {
    return WEXITSTATUS(std::system((compare + a + " " + other + " 2>/dev/null").c_str()));
  };
  EXPECT_EQ(complaint(""), 2);
  EXPECT_EQ(complaint("/dev/null"), 2);
  EXPECT_EQ(complaint(directory_.file("none")), 5);
}

TEST_F(Agent, SaysInWordsThatNothingWasLost) {
  const Answer answer = run("--ops 1000");
  EXPECT_EQ(answer.exit_code, 0);
  EXPECT_NE(answer.output.find("lost = 0"), std::string::npos) << answer.output;
  EXPECT_NE(answer.output.find("Nothing lost."), std::string::npos) << answer.output;
}

TEST_F(Agent, SaysWithItsExitCodeWhatStoodInTheWay) {
  EXPECT_EQ(run("--value-size 3").exit_code, 2);
  EXPECT_EQ(run("--key-file " + directory_.file("none")).exit_code, 5);
  std::ofstream(directory_.file("db")) << "a file, not a directory";
  const int code = run("--ops 10").exit_code;
  EXPECT_TRUE(code == 2 || code == 5) << code;
}

TEST_F(Agent, EndsHoweverOftenClientsAreKilled) {
  const Json report = good_run("--processes 4 --ops 10 --kill-every 1");
  EXPECT_EQ(report["operations"], 10);
}

TEST_F(Agent, SaysThatItsReportIsLost) {
  EXPECT_EQ(run("--ops 100 --json >/dev/full").exit_code, 5);
  EXPECT_EQ(run("--ops 100 >&-").exit_code, 5);
  EXPECT_EQ(run("--help >/dev/full").exit_code, 5);
}

TEST_F(Agent, JudgesARunWhoseReaderHasGone) {
  const std::string csv = directory_.file("csv");
  const std::string command = std::string("bash -o pipefail -c '") + TIDELOCK_AGENT + " run " +
                              directory_.file("db") + " --seconds 0.2 --interval 10ms --csv " +
                              csv + " 2>&1 | head -1 >/dev/null'";
  EXPECT_EQ(answer_of(command).exit_code, 5) << "not 128 + SIGPIPE";
  EXPECT_GT(std::filesystem::file_size(csv), 0u);
}

TEST_F(Agent, LeavesNoJournalsBehindWhenItIsKilled) {
  const std::string temporary = directory_.file("tmp");
  std::filesystem::create_directory(temporary);
  const std::string db = directory_.file("db");  // made when the journals are there
  const std::string command = "TMPDIR=" + temporary + " " + TIDELOCK_AGENT + " run " + db +
                              " --seconds 60 & until test -d " + db +
                              "; do :; done; kill -9 $!; wait $!";
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 128 + SIGKILL);
  EXPECT_TRUE(std::filesystem::is_empty(temporary));
}

TEST_F(Agent, LeavesNoJournalsBehind) {
  const std::string temporary = directory_.file("tmp");
  std::filesystem::create_directory(temporary);
  ::setenv("TMPDIR", temporary.c_str(), 1);
  good_run("--ops 1000");
  ::unsetenv("TMPDIR");
  EXPECT_TRUE(std::filesystem::is_empty(temporary));
}

}  // namespace
}  // namespace tidelock::test
