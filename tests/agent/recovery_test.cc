#include "agent/recovery.h"

#include <gtest/gtest.h>

#include "forged_run.h"

namespace tidelock::agent {
namespace {

std::vector<std::uint64_t> gaps(const ForgedRun& run, std::vector<std::uint64_t> moments) {
  return gaps_until_next_acknowledgement(run.journals(), moments);
}

TEST(Recovery, IsTheGapToTheNextAcknowledgementOfAnyWriter) {
  ForgedRun run(2);
  run.put(0, 0, {10, 20});
  run.put(0, 0, {30, 90});
  run.put(1, 0, {10, 50});
  EXPECT_EQ(gaps(run, {5, 25, 50, 60}), (std::vector<std::uint64_t>{15, 25, 40, 30}));
}

TEST(Recovery, CountsOnlyAcknowledgedWrites) {
  ForgedRun run(1);
  run.put(0, 0, {10, 20}, Outcome::kRefused);
  run.put(0, 0, {30, 0}, Outcome::kInFlight);
  run.erase(0, 0, {40, 70});
  EXPECT_EQ(gaps(run, {10}), (std::vector<std::uint64_t>{60}));
}

TEST(Recovery, LeavesOutMomentsThatNothingFollowed) {
  ForgedRun run(1);
  run.put(0, 0, {10, 20});
  EXPECT_EQ(gaps(run, {15, 20, 30}), (std::vector<std::uint64_t>{5}));
  EXPECT_TRUE(gaps(run, {}).empty());
}

}  // namespace
}  // namespace tidelock::agent
