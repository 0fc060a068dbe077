#include "models/sync_model.h"

#include <gtest/gtest.h>

#include "models/expectations.h"

namespace tidelock::models {
namespace {

using Broken = SyncModel::Broken;

TEST(SyncModel, IsSoundWithAKillAndAFailure) {
  expect_sound(SyncModel{}, 190'000);
}

TEST(SyncModel, IsSoundWithAStopAndAFailure) {
  expect_sound(SyncModel{.kills = 0, .stops = 1}, 500'000);
}

TEST(SyncModel, IsSoundWithTwoFailures) {
  expect_sound(SyncModel{.kills = 0, .failures = 2}, 250'000);
}

TEST(SyncModel, IsSoundForTwoThreadsOfAProcessThatIsKilled) {
  expect_sound(SyncModel{.process_of = {0, 0, 1}}, 33'000);
}

TEST(SyncModel, NeedsEveryLogSynced) {
  expect_broken(SyncModel{.broken = Broken::kNewestLogOnly, .kills = 0, .failures = 0},
                "D covers bytes that are not on disk");
}

TEST(SyncModel, NeedsTheDirectorySynced) {
  expect_broken(SyncModel{.broken = Broken::kNoDirectorySync, .kills = 0, .failures = 0},
                "D covers a log without a name");
}

TEST(SyncModel, NeedsTheErrorThatALeaderTookToItsGrave) {
  expect_broken(SyncModel{.broken = Broken::kLateTrusted, .roll_at = SyncModel::kNever},
                "D covers bytes that are not on disk");
}

// It does not take a death: p0's fdatasync fails, and before p0 has stored the error, p2 opens the
// log, waits a slice for p0, and syncs. Its descriptor was not open when the write-back failed, so
// its fdatasync has nothing to write and nothing to report. Hence C3 looks at descriptors, not at
// whether the leader lives.
TEST(SyncModel, NeedsLateDescriptorsDistrustedThoughTheLeaderLives) {
  expect_broken(SyncModel{.broken = Broken::kOnlyDeadSuspected, .kills = 0},
                "D covers bytes that are not on disk");
}

TEST(SyncModel, NeedsBytesVerifiedBeforeTheyAreWrittenAgain) {
  expect_broken(SyncModel{.broken = Broken::kUnverified}, "a committed record changed");
}

// The error is told once to a descriptor, and these two share it.
TEST(SyncModel, NeedsThreadsThatAwaitEachOthersResult) {
  expect_broken(SyncModel{.broken = Broken::kThreadsApart, .process_of = {0, 0, 1}},
                "D covers bytes that are not on disk");
}

TEST(SyncModel, NeedsDRaisedToTheMaximumOnly) {
  expect_broken(SyncModel{.broken = Broken::kPlainStore, .kills = 0, .failures = 0}, "D fell");
}

}  // namespace
}  // namespace tidelock::models
