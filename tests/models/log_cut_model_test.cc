#include "models/log_cut_model.h"

#include <gtest/gtest.h>

#include "models/expectations.h"

namespace tidelock::models {
namespace {

using Broken = LogCutModel::Broken;

const char* const kLost = "an acknowledged durable record was lost";
const char* const kBack = "a record that was not there came back";

TEST(LogCutModel, IsSoundOverTwoCutsAndAnotherEnd) {
  expect_sound(LogCutModel{.deaths = 0}, 280'000);
}

TEST(LogCutModel, IsSoundOverTwoCutsWithADeadWriter) {
  expect_sound(LogCutModel{.exits = 0}, 100'000);
}

TEST(LogCutModel, IsSoundWithTwoRollsAndADeadWriter) {
  expect_sound(LogCutModel{.cuts = 1, .rolls = 2, .appends = 2}, 230'000);
}

TEST(LogCutModel, TellsDamageFromACut) {
  expect_sound(LogCutModel{.cuts = 1, .deaths = 0, .damages = 1}, 84'000);
}

TEST(LogCutModel, TellsDamageFromACutAndADeadWriter) {
  expect_sound(LogCutModel{.cuts = 1, .appends = 2, .damages = 1}, 57'000);
}

TEST(LogCutModel, NeedsChainedRecords) {
  expect_broken(LogCutModel{.broken = Broken::kUnchained}, kBack);
}

TEST(LogCutModel, NeedsDInRecords) {
  expect_broken(
      LogCutModel{.broken = Broken::kKnownUnchecked, .cuts = 0, .deaths = 0, .damages = 1},
      "damage was not reported");
}

TEST(LogCutModel, NeedsEveryLogSynced) {
  expect_broken(LogCutModel{.broken = Broken::kNewestLogOnly, .deaths = 0}, kLost);
}

// A rebuild begins a log; the first write does not fit into it and rolls. The empty log in between
// holds nothing, but the one behind it names it.
TEST(LogCutModel, NeedsEmptyLogsSynced) {
  expect_broken(LogCutModel{.broken = Broken::kEmptyLogsSkipped, .deaths = 0}, kLost);
}

TEST(LogCutModel, NeedsTheDirectorySynced) {
  expect_broken(LogCutModel{.broken = Broken::kNoDirectorySync, .exits = 0, .deaths = 0}, kLost);
}

TEST(LogCutModel, NeedsThePredecessorsFinalChain) {
  expect_broken(LogCutModel{.broken = Broken::kPredecessorUnnamed, .exits = 0, .deaths = 0},
                "a record in the middle was lost");
}

// A whole record whose writer died before its commit, and then a roll: the next log begins before
// that record, and would not continue the log with it.
TEST(LogCutModel, NeedsALogToEndWhereItsSuccessorBegins) {
  expect_broken(LogCutModel{.broken = Broken::kEndsWithItsRecords, .exits = 0}, kLost);
}

TEST(LogCutModel, NeedsHeadersIgnoredOfLogsThatNobodyAppendedTo) {
  expect_broken(LogCutModel{.broken = Broken::kHeaderEndsPredecessor, .exits = 0}, kLost);
}

TEST(LogCutModel, NeedsANewLogInANewLife) {
  expect_broken(LogCutModel{.broken = Broken::kAppendsToReplayed, .deaths = 0}, kBack);
}

TEST(LogCutModel, NeedsReplayedLogsSynced) {
  expect_broken(LogCutModel{.broken = Broken::kDurableUnsynced, .deaths = 0}, kLost);
}

TEST(LogCutModel, NeedsTheLogSyncedBeforeItsSeal) {
  expect_broken(LogCutModel{.broken = Broken::kSealBeforeSync, .deaths = 0},
                "damage was reported where there is none");
}

// D = E says nothing of the active log when a roll was the last thing that happened.
TEST(LogCutModel, NeedsTheLogSyncedBeforeItsSealThoughDHasReachedE) {
  expect_broken(LogCutModel{.broken = Broken::kSealTrustsD, .deaths = 0},
                "damage was reported where there is none");
}

TEST(LogCutModel, NeedsTheSealReached) {
  expect_broken(LogCutModel{.broken = Broken::kSealUnchecked, .cuts = 0, .deaths = 0, .damages = 1},
                "damage was not reported");
}

}  // namespace
}  // namespace tidelock::models
