#include "models/view_flush_model.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

#include "models/expectations.h"

namespace tidelock::models {
namespace {

using Model = ViewFlushModel;
using Broken = Model::Broken;
using Roles = std::array<std::uint8_t, Model::kProcesses>;

constexpr std::uint8_t kWrites = Model::kPuts | Model::kRolls;
constexpr std::uint8_t kKeepsHouse = Model::kFlushes | Model::kSweeps;

constexpr Roles kFlushing = {kWrites, kKeepsHouse, kKeepsHouse};
constexpr Roles kReading = {kWrites, kKeepsHouse, Model::kReads};
constexpr Roles kCompacting = {Model::kFlushes, Model::kCompacts, Model::kCompacts};

TEST(ViewFlushModel, IsSoundWithTwoWhoFlushAndSweepAndTwoKills) {
  expect_sound(Model{.may = kFlushing, .puts = 3, .kills = 2}, 90'000);
}

TEST(ViewFlushModel, IsSoundWithTwoWhoFlushAndSweepAndAStop) {
  expect_sound(Model{.may = kFlushing, .kills = 0, .stops = 1}, 19'000);
}

TEST(ViewFlushModel, IsSoundForAReader) {
  expect_sound(Model{.may = kReading}, 59'000);
}

TEST(ViewFlushModel, IsSoundForAReaderBesideFlushAndCompaction) {
  const Roles roles = {kWrites, Model::kFlushes | Model::kCompacts, Model::kReads};
  expect_sound(Model{.may = roles, .puts = 1, .sealed = 1}, 370'000);
}

TEST(ViewFlushModel, IsSoundWithTwoWhoCompactAndAKill) {
  expect_sound(Model{.may = kCompacting, .puts = 0, .sealed = 2, .tables_max = 6}, 210'000);
}

TEST(ViewFlushModel, IsSoundWithTwoWhoCompactAndAStop) {
  expect_sound(Model{.may = kCompacting, .puts = 0, .sealed = 1, .kills = 0, .stops = 1}, 22'000);
}

TEST(ViewFlushModel, IsSoundWithTwoWhoCompactAndASweep) {
  const Roles roles = {kKeepsHouse, Model::kCompacts, Model::kCompacts};
  expect_sound(Model{.may = roles, .puts = 0, .sealed = 1}, 26'000);
}

TEST(ViewFlushModel, NeedsTheTwoNumbersCompared) {
  expect_broken(Model{.broken = Broken::kNotCompared, .may = kReading},
                "a reader sees what never was");
}

TEST(ViewFlushModel, NeedsTheMemtableHalfFirstWhereNothingIsCompared) {
  expect_broken(Model{.broken = Broken::kTablesFirst, .may = kReading},
                "a reader sees what never was");
}

TEST(ViewFlushModel, NeedsTheManifestsTailBeforeAPick) {
  expect_broken(Model{.broken = Broken::kTailUnread, .may = kFlushing},
                "a job takes up inputs that are gone");
}

TEST(ViewFlushModel, NeedsTheManifestsTailBeforeASweep) {
  const Roles roles = {kWrites, Model::kFlushes, Model::kSweeps};
  expect_broken(Model{.broken = Broken::kTailUnread, .may = roles},
                "a file that a power cut would leave needed is gone");
}

TEST(ViewFlushModel, NeedsADeadInstallersEditOnDiskBeforeItIsPublished) {
  expect_broken(Model{.broken = Broken::kTailUnsynced, .may = kFlushing},
                "a file that a power cut would leave needed is gone");
}

TEST(ViewFlushModel, NeedsADeadInstallersRenameOnDiskBeforeItIsPublished) {
  const Roles roles = {kWrites | Model::kSweeps, Model::kFlushes, Model::kFlushes};
  expect_broken(Model{.broken = Broken::kRenameUnsynced, .may = roles, .kills = 2},
                "a file that a power cut would leave needed is gone");
}

TEST(ViewFlushModel, NeedsFlushInOrder) {
  expect_broken(Model{.broken = Broken::kFlushOutOfOrder, .may = kFlushing, .sealed = 2},
                "a write is missing");
}

TEST(ViewFlushModel, NeedsLevel0OrderedByMemtable) {
  expect_broken(Model{.broken = Broken::kLevel0ByFileNumber, .may = kFlushing, .sealed = 2},
                "an older version is read");
}

// Both take up the table of level 1. The one to level 1 drops the tombstone over it and is
// installed; then the other, stopped meanwhile, puts what it had hidden on level 2.
TEST(ViewFlushModel, NeedsInputsCheckedWhenACompactionWakesUp) {
  expect_broken(
      Model{.broken = Broken::kInstallUnchecked, .may = kCompacting, .puts = 0, .sealed = 1},
      "an erased key is back");
}

TEST(ViewFlushModel, NeedsNamesGatheredUnderTheLocks) {
  expect_broken(Model{.broken = Broken::kNamesBeforeLocks, .may = kFlushing},
                "a roll publishes files that are gone");
}

TEST(ViewFlushModel, NeedsTheSpareNamed) {
  expect_broken(Model{.broken = Broken::kSpareUnnamed, .may = kFlushing},
                "a roll publishes files that are gone");
}

TEST(ViewFlushModel, NeedsTheTableHalfPublishedBeforeInputsGo) {
  expect_broken(Model{.broken = Broken::kUnlinkBeforePublish, .may = kFlushing},
                "a file of the view is gone");
}

}  // namespace
}  // namespace tidelock::models
