#include "agent/report.h"

#include <gtest/gtest.h>

namespace tidelock::agent {
namespace {

TEST(JainIndex, IsOneWhenAllAreEqual) {
  const double equal[] = {3, 3, 3, 3};
  EXPECT_DOUBLE_EQ(jain_index(equal), 1);
  EXPECT_DOUBLE_EQ(jain_index({}), 1);
}

TEST(JainIndex, IsOneNthWhenOneHasAll) {
  const double unfair[] = {0, 0, 5, 0};
  EXPECT_DOUBLE_EQ(jain_index(unfair), 0.25);
}

TEST(Percentiles, AreTheSmallestValuesThatEnoughDoNotExceed) {
  std::vector<std::uint64_t> values;
  for (std::uint64_t i = 1'000; i >= 1; --i) values.push_back(i * 1'000);
  const Percentiles p = percentiles(values, 1e3);
  EXPECT_DOUBLE_EQ(p.p50, 500);
  EXPECT_DOUBLE_EQ(p.p99, 990);
  EXPECT_DOUBLE_EQ(p.p999, 999);
  EXPECT_DOUBLE_EQ(p.max, 1'000);
  EXPECT_DOUBLE_EQ(percentiles({}, 1).max, 0);
}

TEST(ExitCode, SaysTheWorstFirst) {
  Report report;
  EXPECT_EQ(exit_code(report), ExitCode::kGood);
  report.failure = Status(StatusCode::kTimedOut, "");
  EXPECT_EQ(exit_code(report), ExitCode::kBusy);
  report.failure = Status(StatusCode::kNoSpace, "");
  EXPECT_EQ(exit_code(report), ExitCode::kIo);
  report.accidents = {"client 3 died"};
  EXPECT_EQ(exit_code(report), ExitCode::kAccident);
  report.check.status = Status(StatusCode::kCorruption, "");
  EXPECT_EQ(exit_code(report), ExitCode::kDamage);
  report.contradictions = 1;
  EXPECT_EQ(exit_code(report), ExitCode::kLost);
}

TEST(ExitCode, ALostWriteOutranksEverything) {
  Report report;
  report.check.problems = {"000007.sst"};
  EXPECT_EQ(exit_code(report), ExitCode::kDamage);
  report.check.values.lost = 1;
  EXPECT_EQ(exit_code(report), ExitCode::kLost);
}

}  // namespace
}  // namespace tidelock::agent
