#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "support/temporary_directory.h"

// The program as its users run it: real processes on a real database.
namespace tidelock::test {

using Json = nlohmann::json;

struct Answer {
  int exit_code = -1;
  std::string output;  // standard output; standard error goes to the test's log

  [[nodiscard]] Json json() const { return Json::parse(output, nullptr, false); }
};

// Of a command line of a shell.
inline Answer answer_of(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  Answer answer;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
    answer.output += static_cast<char>(c);
  }
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) answer.exit_code = WEXITSTATUS(status);
  return answer;
}

class AgentTest : public ::testing::Test {
 protected:
  explicit AgentTest(Where where = Where::kDisk) : directory_(where) {}

  // `options` are words of a shell.
  Answer run(const std::string& options) {
    return answer_of(std::string(TIDELOCK_AGENT) + " run " + directory_.file("db") + " " + options);
  }
  // A run that must end well; its report.
  Json good_run(const std::string& options) {
    const Answer answer = run(options + " --json");
    EXPECT_EQ(answer.exit_code, 0) << answer.output;
    Json report = answer.json();
    EXPECT_TRUE(report.is_object()) << answer.output;
    EXPECT_EQ(report["lost"], 0);
    EXPECT_EQ(report["contradictions"], 0);
    EXPECT_EQ(report["check_problems"], 0);
    if (report["history"].is_object()) {
      EXPECT_EQ(report["history"]["violations"], 0);
    }
    return report;
  }
  TemporaryDirectory directory_;
};

// Runs in memory, one after the other, each with a new database; sums of what they counted.
class AgentRoundsTest : public AgentTest {
 protected:
  AgentRoundsTest() : AgentTest(Where::kMemory) {
    // For the journals, which are kept there if something is wrong.
    const auto parent = std::filesystem::path(directory_.path()).parent_path();
    ::setenv("TMPDIR", parent.c_str(), 1);
  }

  Json run_round(const std::string& options, std::uint64_t seed) {
    Json report = good_run(options + " --verify --seed " + std::to_string(seed));
    std::filesystem::remove_all(directory_.file("db"));
    for (const auto& [what, count] : report["history"].items()) {
      counts_["history: " + what] += count.get<std::uint64_t>();
    }
    return report;
  }
  void print_counts() const {
    for (const auto& [what, count] : counts_) {
      std::printf("%s: %llu\n", what.c_str(), static_cast<unsigned long long>(count));
    }
  }
  void expect_at_least(const std::string& what, std::uint64_t least) {
    EXPECT_GE(counts_[what], least) << what;
  }

  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace tidelock::test
