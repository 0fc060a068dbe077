#include "models/lock_model.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdio>
#include <string>

namespace tidelock::models {
namespace {

std::string told(const Exploration& found) {
  std::string text = found.violation;
  for (const std::string& step : found.trace) text += "\n  " + step;
  return text;
}

// Everything reachable is sound, and there is at least as much of it as there was when the floor
// was written down: a model that lost its transitions would be sound too.
void expect_sound(const LockModel& model, std::size_t states_floor) {
  const Exploration found = explore(model);
  std::printf("  %zu states, %zu transitions\n", found.states, found.transitions);
  EXPECT_EQ(told(found), "");
  EXPECT_TRUE(found.complete);
  EXPECT_GE(found.states, states_floor);
}

void expect_found_out(LockModel model, Broken rule, const std::string& violation) {
  EXPECT_EQ(explore(model).violation, "") << "sound as long as the rule is kept";
  model.broken = rule;
  const Exploration found = explore(model);
  std::printf("  after %zu states, %zu steps: %s\n", found.states, found.trace.size(),
              found.violation.c_str());
  EXPECT_EQ(found.violation, violation) << told(found);
}

const char* const kStuck = "no goal can be reached any more";

TEST(LockModel, IsSoundForTwoWithTwoKillsAStopARestartAndACancel) {
  expect_sound({.kills = 2, .restarts = 1, .stops = 1, .cancels = 1}, 300'000);
}

TEST(LockModel, IsSoundForTwoInStrictOrder) {
  expect_sound({.strict = true, .kills = 2, .restarts = 1, .stops = 1, .cancels = 1}, 300'000);
}

TEST(LockModel, IsSoundWhenALapsedWaiterIsMovedOut) {
  expect_sound({.turns = {2, 1}, .strict = true, .kills = 1, .stops = 1, .evictions = 2}, 900'000);
}

TEST(LockModel, IsSoundForTwoWithARingOfOne) {
  expect_sound({.ring = 1, .kills = 2, .restarts = 1, .stops = 1, .cancels = 1}, 100'000);
}

TEST(LockModel, IsSoundWhenTheSameMemberComesAgain) {
  expect_sound({.turns = {2, 2}, .kills = 1, .restarts = 1}, 900'000);
}

TEST(LockModel, IsSoundForThreeWithAKill) {
  expect_sound({.processes = 3, .kills = 1}, 2'200'000);
}

TEST(LockModel, IsSoundForThreeWithARingOfOneAndAKill) {
  expect_sound({.processes = 3, .ring = 1, .kills = 1}, 1'300'000);
}

TEST(LockModel, IsSoundForThreeInStrictOrder) {
  expect_sound({.processes = 3, .strict = true}, 1'300'000);
}

TEST(LockModel, IsSoundForThreeOfWhichTwoFailFast) {
  expect_sound({.processes = 3, .fail_fast = {false, true, true}, .kills = 2, .stops = 1}, 430'000);
}

// Wake-ups are only for speed, but they ought to suffice while nobody dies or stops.
TEST(LockModel, NeedsNoSlicesWhileNobodyDiesOrStops) {
  expect_sound({.processes = 3, .slices = false, .cancels = 1}, 300'000);
}

TEST(LockModel, NeedsNoSlicesInStrictOrderWhileNobodyDiesOrStops) {
  expect_sound({.processes = 3, .strict = true, .slices = false, .cancels = 1}, 100'000);
}

TEST(LockModelWithoutQ2, IsStuckBehindADeadHolderWhoseSlotIsUsedAgain) {
  expect_found_out({.kills = 1, .restarts = 1}, Broken::kProbeIgnoresGeneration, kStuck);
}

TEST(LockModelWithoutQ4, LeavesAnEntryInUseBehindTheHead) {
  expect_found_out({}, Broken::kHeadBeforeRecycling, "an entry in use lies before head");
}

TEST(LockModelWithoutQ4, LetsNobodyQueueAnyMoreAfterADeathBetweenClaimAndTail) {
  expect_found_out({.turns = {2, 1}, .strict = true, .kills = 1, .stops = 1, .evictions = 1},
                   Broken::kTailHelpedOnlyWhileClaimed, kStuck);
}

TEST(LockModelWithoutQ5, SleepsForEverBehindADeadHolder) {
  expect_found_out({.kills = 1}, Broken::kNoSlices, kStuck);
}

TEST(LockModelWithoutQ6, WaitsForEverForAStoppedHead) {
  expect_found_out({.turns = {2, 1}, .strict = true, .stops = 1}, Broken::kOffersNeverLapse,
                   kStuck);
}

TEST(LockModelWithoutQ7, LosesTheNewsOfADeath) {
  expect_found_out({.turns = {2, 1}, .kills = 1}, Broken::kInconsistentEndsAtRelease,
                   "the news of a death is lost");
}

TEST(LockModelWithoutQ7, LetsTwoIn) {
  expect_found_out({.kills = 1, .restarts = 1}, Broken::kTakeoverByStore,
                   "a process is inside and the word does not name it");
}

TEST(LockModelWithoutQ8, KeepsAnOfferToOneWhoCancelled) {
  expect_found_out({.strict = true, .slices = false, .cancels = 1}, Broken::kNoLookAfterCancel,
                   "a canceller keeps an offer");
  expect_found_out({.strict = true, .slices = false, .cancels = 1}, Broken::kNoCheckAfterOffer,
                   "a canceller keeps an offer");
}

TEST(LockModelWithoutQ8, LosesAWaiterWhenHasWaitersIsCleared) {
  expect_found_out({.turns = {1, 2}, .slices = false}, Broken::kNoLookAfterClearing, kStuck);
}

TEST(LockModelWithoutQ9, LetsTwoIn) {
  expect_found_out({.stops = 1}, Broken::kStealFromStopped,
                   "a process is inside and the word does not name it");
}

TEST(LockModel, IsStuckIfRecoveryNeedsTheByteOfAStoppedProcess) {
  expect_found_out({.kills = 1, .restarts = 1, .stops = 1}, Broken::kRecoveryByteRequired, kStuck);
}

}  // namespace
}  // namespace tidelock::models
