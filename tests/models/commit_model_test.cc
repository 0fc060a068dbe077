#include "models/commit_model.h"

#include <gtest/gtest.h>

#include "models/expectations.h"

namespace tidelock::models {
namespace {

using Broken = CommitModel::Broken;

void expect_needed(Broken rule, const std::string& violation) {
  expect_broken(CommitModel{.broken = rule}, violation);
}

TEST(CommitModel, IsSoundForThreeWithTwoKillsAndAStop) {
  expect_sound(CommitModel{}, 500'000);
}

TEST(CommitModel, NeedsOneStoreForLsnAndCell) {
  expect_needed(Broken::kWordInTwoStores, "the chain is broken");
}

TEST(CommitModel, NeedsTheIdleCell) {
  expect_needed(Broken::kLiveCellOverwritten, "a sequence number is missing");
}

TEST(CommitModel, NeedsRedo) {
  expect_needed(Broken::kNoRedo, "a snapshot differs from the log");
}

TEST(CommitModel, NeedsTheSequenceCheckInRedo) {
  expect_needed(Broken::kRedoUnchecked, "versions are out of order");
}

TEST(CommitModel, NeedsVRaisedBehindA) {
  expect_needed(Broken::kShownBeforeApplied, "a snapshot differs from the log");
}

TEST(CommitModel, NeedsVRaisedUnderTheLockOnly) {
  expect_needed(Broken::kShownOutsideTheLock, "V fell");
}

TEST(CommitModel, NeedsTheCommitBeforeTheFirstInsertion) {
  expect_needed(Broken::kInsertedBeforeCommit, "the memtable holds what was never committed");
}

TEST(CommitModel, NeedsAAdvancedAfterTheLastInsertion) {
  expect_needed(Broken::kAppliedBeforeInserted, "a snapshot differs from the log");
}

}  // namespace
}  // namespace tidelock::models
