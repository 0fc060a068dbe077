// `tidelock-agent contend` as its users run it.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "support/temporary_directory.h"

namespace tidelock::test {
namespace {

using Json = nlohmann::json;

class ContendTest : public ::testing::Test {
 protected:
  struct Answer {
    int exit_code = -1;
    std::string output;
  };
  // `options` are words of a shell.
  Answer contend(const std::string& options) {
    const std::string locks = directory_.file("locks");
    std::filesystem::create_directories(locks);
    const std::string command =
        std::string(TIDELOCK_AGENT) + " contend --directory " + locks + " " + options;
    std::FILE* pipe = ::popen(command.c_str(), "r");
    Answer answer;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
      answer.output += static_cast<char>(c);
    }
    const int status = ::pclose(pipe);
    if (WIFEXITED(status)) answer.exit_code = WEXITSTATUS(status);
    EXPECT_TRUE(std::filesystem::is_empty(locks)) << "lock files are left";
    return answer;
  }
  std::string text_of(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(directory_.file(name)).rdbuf();
    return text.str();
  }
  TemporaryDirectory directory_;
};

using Contend = ContendTest;

void expect_sound(const Json& policy, int processes) {
  const Json& medians = policy["medians"];
  EXPECT_EQ(policy["exclusive"], true) << policy["problems"];
  EXPECT_TRUE(policy["problems"].empty()) << policy["problems"];
  EXPECT_GT(policy["turns_verified"], 0);
  EXPECT_GT(medians["operations_per_second"], 0.0);
  EXPECT_GE(medians["jain"], 0.99 / processes);
  EXPECT_LE(medians["jain"], 1.01);
  EXPECT_GE(medians["tries_per_success"], 1.0);
  EXPECT_LE(medians["wait_p50_us"], medians["wait_p99_us"]);
  EXPECT_LE(medians["wait_p999_us"], medians["wait_max_us"]);
  for (const char* figure : {"overtakes_per_acquire", "longest_gap_ms", "cpu_seconds_per_million",
                             "alone_ns", "wait_p999_us"}) {
    EXPECT_TRUE(medians[figure].is_number()) << figure;
  }
}

TEST_F(Contend, RunsEveryPolicyAndVerifiesIt) {
  const Answer answer =
      contend("--processes 4 --think-us 20 --seconds 0.05 --rounds 2 --faults 0 --json -");
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  const Json report = Json::parse(answer.output, nullptr, false);
  ASSERT_TRUE(report.is_object()) << answer.output;
  EXPECT_EQ(report["policies"].size(), 11u);
  for (const Json& policy : report["policies"]) {
    SCOPED_TRACE(policy["policy"].get<std::string>());
    EXPECT_EQ(policy["rounds"].size(), 2u);
    expect_sound(policy, 4);
  }
}

TEST_F(Contend, SaysThatItWasInterrupted) {
  const std::string begun = "ls " + directory_.file("locks") + "/*/* >/dev/null 2>&1";
  const Answer answer = contend(
      "--policies queue,flock --processes 2 --seconds 30 & for i in $(seq "
      "1000); do " +
      begun +
      " && break; sleep 0.01; done; "
      "kill -TERM $!; wait $!");
  EXPECT_EQ(answer.exit_code, 128 + SIGINT);
  EXPECT_NE(answer.output.find("interrupted"), std::string::npos) << answer.output;
}

TEST_F(Contend, RecoversFromEveryFaultUnderEveryPolicy) {
  const Answer answer =
      contend("--processes 4 --think-us 50 --seconds 0.02 --rounds 1 --faults 1 --json -");
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  const Json report = Json::parse(answer.output, nullptr, false);
  ASSERT_TRUE(report.is_object()) << answer.output;
  for (const Json& policy : report["policies"]) {
    SCOPED_TRACE(policy["policy"].get<std::string>());
    EXPECT_EQ(policy["exclusive"], true) << policy["problems"];
    for (const char* fault :
         {"holder_killed", "waiter_killed", "holder_stopped", "waiter_stopped"}) {
      EXPECT_GT(policy["faults"][fault]["recovery_ms"], 0.0) << fault;
      EXPECT_GT(policy["faults"][fault]["longest_wait_ms"], 0.0) << fault;
    }
    EXPECT_GT(policy["faults"]["waiter_stopped"]["own_turn_ms"], 0.0);
  }
}

TEST_F(Contend, MeasuresALockThatNobodyElseWants) {
  const Answer answer = contend(
      "--processes 1 --policies queue,robust-mutex --seconds 0.05 --rounds 1 --critical-ns 100");
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  EXPECT_NE(answer.output.find("ns more if nobody else wants it"), std::string::npos);
  EXPECT_EQ(answer.output.find("Recovery"), std::string::npos) << "there is nobody to recover";
}

TEST_F(Contend, NeverOvertakesUnderStrictHandOver) {
  const Answer answer =
      contend("--policies strict --processes 6 --seconds 0.3 --rounds 1 --faults 0 --json -");
  const Json medians = Json::parse(answer.output)["policies"][0]["medians"];
  EXPECT_LT(medians["overtakes_per_acquire"], 0.5);
}

TEST_F(Contend, WritesItsReportsBesidesTheTable) {
  const Answer answer = contend("--policies queue --processes 2 --seconds 0.02 --rounds 1 --json " +
                                directory_.file("json") + " --csv " + directory_.file("csv") +
                                " --html " + directory_.file("html"));
  EXPECT_EQ(answer.exit_code, 0) << answer.output;
  EXPECT_NE(answer.output.find("Mutual exclusion held"), std::string::npos) << answer.output;
  EXPECT_TRUE(Json::parse(text_of("json"), nullptr, false).is_object());
  EXPECT_TRUE(text_of("csv").starts_with("policy,phase,number,figure,value\n"));
  EXPECT_TRUE(text_of("html").starts_with("<!DOCTYPE html>"));
}

TEST_F(Contend, SaysWithItsExitCodeWhatStoodInTheWay) {
  EXPECT_EQ(contend("--policies spinlock").exit_code, 2);
  EXPECT_EQ(contend("--html " + directory_.file("none/page.html")).exit_code, 5);
  EXPECT_EQ(contend("--policies queue --rounds 1 --html " + directory_.path()).exit_code, 5);
  EXPECT_EQ(contend("--policies queue --rounds 1 --seconds 0.02 --json - >/dev/full").exit_code, 5);
}

}  // namespace
}  // namespace tidelock::test
