// Stores compared: the program itself, and what it makes of what runs say.

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/shootout/measurement.h"
#include "agent/shootout/reports.h"
#include "agent_program.h"

namespace tidelock::test {
namespace {

namespace shootout = agent::shootout;

std::string content_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

void expect_a_whole_page(const std::string& page) {
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
  EXPECT_TRUE(page.ends_with("</body></html>\n"));
  const auto count = [&](const std::string& what) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = page.find(what, at)) != std::string::npos; ++at) ++found;
    return found;
  };
  for (const std::string tag : {"figure", "table", "div", "svg", "td", "th", "tr", "text"}) {
    EXPECT_GT(count("<" + tag), 0u) << tag;
    EXPECT_EQ(count("<" + tag + ">") + count("<" + tag + " "), count("</" + tag + ">")) << tag;
  }
  for (const char* reference : {"http:", "https:", "src=", "href=", "url(", "<script", "nan\""}) {
    EXPECT_EQ(page.find(reference), std::string::npos) << reference;
  }
}

class ShootoutTest : public AgentTest {
 protected:
  ShootoutTest() : AgentTest(Where::kMemory) {
    stores_ = agent::store_kinds().front().name;
    count_ = std::min<std::size_t>(2, agent::store_kinds().size());
    if (count_ == 2) stores_ = std::string(agent::store_kinds()[1].name) + "," + stores_;
  }
  Answer shootout(const std::string& options, const std::string& environment = "") {
    return answer_of(environment + " " + TIDELOCK_AGENT + " shootout " + directory_.file("all") +
                     " --stores " + stores_ +
                     " --records 500 --processes 2 --seconds 0.05 --rounds 2 " + options);
  }
  std::string stores_;
  std::size_t count_ = 0;
};

using Shootout = ShootoutTest;

TEST_F(Shootout, ShowsEachStoreAndWorkloadAsTableJsonAndPage) {
  const std::string json_file = directory_.file("j"), page_file = directory_.file("h");
  const Answer answer =
      shootout("--workloads c,a -p fieldcount=1 --verify=values --seed 7 --json " + json_file +
               " --html " + page_file);
  EXPECT_EQ(answer.exit_code, 0);
  EXPECT_NE(answer.output.find("YCSB a: get=50,put=50\n"), std::string::npos) << answer.output;
  const Json json = Json::parse(content_of(json_file), nullptr, false);
  ASSERT_EQ(json["workloads"].size(), 2u);
  EXPECT_EQ(json["workloads"][0]["workload"], "c");
  EXPECT_EQ(json["ratios_to"], "tidelock");
  EXPECT_EQ(json["settings"]["seed"], 7);
  for (const Json& workload : json["workloads"]) {
    EXPECT_EQ(workload["verify"], "values");
    ASSERT_EQ(workload["stores"].size(), count_);
    for (const Json& store : workload["stores"]) {
      EXPECT_EQ(store["rounds"].size(), 2u) << store;
      EXPECT_GT(store["medians"]["ops_per_second"], 0);
      EXPECT_TRUE(store["failures"].empty()) << store;
    }
    EXPECT_EQ(workload["stores"].back()["ratio"], 1);
  }
  expect_a_whole_page(content_of(page_file));
  EXPECT_FALSE(std::filesystem::exists(directory_.file("all")));
}

TEST_F(Shootout, ShowsWhyARunFailedAndEndsWithItsExitCode) {
  const Answer answer = shootout("--workloads a --verify=values", "TMPDIR=/nowhere");
  EXPECT_EQ(answer.exit_code, 5);
  EXPECT_NE(answer.output.find("FAILED"), std::string::npos) << answer.output;
  EXPECT_NE(answer.output.find("tidelock, round 2: "), std::string::npos) << answer.output;
  EXPECT_NE(answer.output.find("/nowhere"), std::string::npos) << answer.output;
}

TEST_F(Shootout, SaysThatItWasInterrupted) {
  const std::string all = directory_.file("all");
  const std::string command = std::string(TIDELOCK_AGENT) + " shootout " + all +
                              " --stores tidelock --workloads a,c --seconds 30 & until ls " + all +
                              "/*/* >/dev/null 2>&1; do :; done; kill -TERM $!; wait $!";
  const Answer answer = answer_of(command);
  EXPECT_EQ(answer.exit_code, 128 + SIGINT);
  EXPECT_NE(answer.output.find("Interrupted."), std::string::npos) << answer.output;
  EXPECT_FALSE(std::filesystem::exists(all));
}

TEST_F(Shootout, RefusesBeforeAnythingRunsWhatARunWouldRefuse) {
  for (const char* options : {"--wait never", "-p recordcount=many", "--workloads g"}) {
    EXPECT_EQ(shootout(options).exit_code, 2) << options;
  }
  EXPECT_FALSE(std::filesystem::exists(directory_.file("all")));
}

TEST(ShootoutMeasurement, TakesWhatTheRunTells) {
  const shootout::Measurement measurement = shootout::understand(
      R"({"ops_per_second": 5, "latency_us": {"p99": 3}, "jain": 0.5,
          "resources": {"cpu_us_per_operation": 2, "directory_end_bytes": null},
          "settings": {"mix": "get=100", "verify": "none"}})",
      "", 0);
  ASSERT_TRUE(measurement.figures);
  EXPECT_EQ(measurement.figures->ops_per_second, 5);
  EXPECT_EQ(measurement.figures->latency_us.p99, 3);
  EXPECT_EQ(measurement.figures->cpu_us_per_operation, 2);
  EXPECT_FALSE(measurement.figures->disk_bytes);
  EXPECT_EQ(measurement.mix, "get=100");
}

TEST(ShootoutMeasurement, HasNoFiguresOfARunThatLostSomething) {
  const shootout::Measurement measurement =
      shootout::understand(R"({"ops_per_second": 5, "lost": 2, "problems": ["torn"]})", "", 1);
  EXPECT_FALSE(measurement.figures);
  EXPECT_EQ(measurement.exit_code, agent::ExitCode::kLost);
  EXPECT_EQ(measurement.message, "torn; lost = 2");
  EXPECT_EQ(shootout::understand("no JSON", "", 0).exit_code, agent::ExitCode::kIo);
  EXPECT_EQ(shootout::understand("", "1 s\ntidelock-agent: no room\n", 5).message, "no room");
}

class ShootoutReport : public ::testing::Test {
 protected:
  ShootoutReport() {
    settings_.stores = {&agent::store_kinds().front()};
    settings_.workloads = {"a"};
    settings_.run_options = {"-p", "table=<i>", "--wait=queue"};
    shootout::Outcome outcome;
    for (const double rate : {300.0, 100.0, 200.0}) {
      outcome.rounds.push_back({.ops_per_second = rate,
                                .disk_bytes = 2e6,
                                .memory_bytes = 3e6,
                                .dirtied_per_byte = 4.5});
    }
    outcome.failures = {"round 4: <b> & more"};
    comparison_.workloads.push_back(
        {.name = "a", .mix = "get=1", .verify = "none", .stores = {outcome}});
  }
  shootout::Settings settings_;
  shootout::Comparison comparison_;
};

TEST_F(ShootoutReport, ShowsMediansAndTheirRange) {
  const auto cells = shootout::cells(settings_, comparison_.workloads.front(), 0);
  ASSERT_EQ(cells.size(), shootout::heads().size());
  EXPECT_EQ(std::vector(cells.begin() + 3, cells.begin() + 7),
            (std::vector<std::string>{"200", "100", "300", "1.00"}));
  EXPECT_EQ(cells[2], "in its queue");
  EXPECT_EQ(std::vector(cells.begin() + 12, cells.begin() + 16),
            (std::vector<std::string>{"-", "4.50", "3.00", "2.00"}));
  EXPECT_EQ(cells.back(), "FAILED");
}

TEST_F(ShootoutReport, EscapesWhatItWasGiven) {
  std::ostringstream page;
  shootout::print_html(page, settings_, comparison_);
  expect_a_whole_page(page.str());
  EXPECT_NE(page.str().find("round 4: &lt;b&gt; &amp; more"), std::string::npos);
  EXPECT_NE(page.str().find("table=&lt;i&gt;"), std::string::npos);
  EXPECT_NE(page.str().find("p99 µs"), std::string::npos);
  EXPECT_EQ(page.str().find(" us<"), std::string::npos);
}

TEST(ShootoutExitCode, IsTheWorst) {
  using agent::ExitCode;
  EXPECT_EQ(worse(ExitCode::kGood, ExitCode::kUsage), ExitCode::kUsage);
  EXPECT_EQ(worse(ExitCode::kIo, ExitCode::kLost), ExitCode::kLost);
  EXPECT_EQ(worse(ExitCode::kGood, ExitCode::kGood), ExitCode::kGood);
}

}  // namespace
}  // namespace tidelock::test
