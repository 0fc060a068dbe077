#include "agent/workload/pace.h"

#include <gtest/gtest.h>

#include <vector>

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// How many operations are due in each second, asked for without a pause.
std::vector<int> due_by_second(const char* text, std::size_t seconds) {
  const Pace pace = Pace::parse(text).value();
  Schedule schedule(pace, 0, 0.5);
  std::vector<int> counts(seconds);
  for (std::uint64_t last = 0;;) {
    const std::uint64_t due = schedule.next(last).ns;
    EXPECT_GE(due, last);
    last = due;
    if (due / kSecond >= seconds) return counts;
    ++counts[due / kSecond];
  }
}

TEST(Pace, IsSteady) {
  EXPECT_EQ(due_by_second("100", 3), (std::vector{100, 100, 100}));
}

TEST(Pace, RisesAndFallsEvenly) {
  EXPECT_EQ(due_by_second("0-200:2,200-0:2", 5), (std::vector{50, 150, 150, 50, 50}));
}

TEST(Pace, Pauses) {
  EXPECT_EQ(due_by_second("10:1,0:2", 6), (std::vector{10, 0, 0, 10, 0, 0}));
}

TEST(Pace, IsAsHighAsCanBeInAPhaseOfItsOwn) {
  const Pace pace = Pace::parse("max:1,10:1").value();
  Schedule schedule(pace, 0, 0);
  const Schedule::Due now = schedule.next(400'000'000);
  EXPECT_EQ(now.ns, 400'000'000u);
  EXPECT_FALSE(now.intended) << "nothing is late that is to be as fast as can";
  EXPECT_EQ(schedule.next(1'050'000'000).ns, 1'100'000'000u);
  EXPECT_EQ(schedule.next(1'060'000'000).ns, 1'200'000'000u);
}

TEST(Pace, DoesNotForgetWhatWasDueWhileNobodyAsked) {
  const Pace pace = Pace::parse("10").value();
  Schedule schedule(pace, 0, 0);
  EXPECT_EQ(schedule.next(0).ns, 100'000'000u);
  EXPECT_EQ(schedule.next(5 * kSecond).ns, 200'000'000u);
}

TEST(Pace, BeginsWhereAClientBegins) {
  const Pace pace = Pace::parse("10:1,0:1").value();
  Schedule schedule(pace, 5'000'000'000, 0);
  EXPECT_EQ(schedule.next(5'000'000'000).ns, 6'100'000'000u);
}

TEST(Pace, RefusesWhatIsNone) {
  for (const char* text : {"", "0", "-1", "x", "0:5", "10:0", "5-x:3", "10:5,", "max"}) {
    EXPECT_EQ(Pace::parse(text).status().code(), StatusCode::kInvalid) << text;
  }
}

}  // namespace
}  // namespace tidelock::agent
