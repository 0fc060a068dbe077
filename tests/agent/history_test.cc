// The judge of histories before histories that nobody lived: each kind of contradiction must be
// found, and what only looks like one must not.

#include <gtest/gtest.h>

#include "forged_run.h"

namespace tidelock::agent {
namespace {

using history::Violation;
using Kind = Violation::Kind;
using Found = ForgedRun::Found;

constexpr OperationKind kPut = OperationKind::kPut, kErase = OperationKind::kErase;

void expect_legal(const ForgedRun& run) {
  const history::Verification result = run.verify();
  for (const Violation& violation : result.violations.kept()) {
    ADD_FAILURE() << description(violation.kind) << ", key " << violation.key;
  }
}

void expect(const ForgedRun& run, Kind kind) {
  EXPECT_GT(run.verify().violations.count(kind), 0u) << description(kind);
}

// The one after, of the same batch.
OperationId next(const OperationId& id) {
  return {.writer = id.writer, .counter = id.counter + 1};
}

TEST(LegalHistory, IsEmptyOrSequential) {
  ForgedRun run(2);
  expect_legal(run);
  run.read(1, {1, {}}, {1, 2});
  const OperationId first = run.put(0, 1, {10, 20});
  run.read(1, {1, first}, {30, 40});
  const OperationId second = run.put(1, 1, {50, 60});
  run.read(0, {1, second}, {70, 80});
  run.erase(0, 1, {90, 100});
  run.read(1, {1, {}}, {110, 120});
  expect_legal(run);
}

TEST(LegalHistory, MayOrderOverlappingWritesEitherWay) {
  for (const int last : {0, 1}) {
    ForgedRun run(3);
    const OperationId puts[] = {run.put(0, 1, {10, 100}), run.put(1, 1, {20, 90})};
    run.read(2, {1, puts[1 - last]}, {30, 40});
    run.read(2, {1, puts[last]}, {50, 60});
    run.read(2, {1, puts[last]}, {110, 120});
    expect_legal(run);
  }
}

TEST(LegalHistory, MayShowOverlappingReadsInEitherOrder) {
  ForgedRun run(3);
  const OperationId old = run.put(0, 1, {10, 20});
  const OperationId current = run.put(0, 1, {30, 90});
  run.read(1, {1, current}, {40, 70});
  run.read(2, {1, old}, {50, 60});
  expect_legal(run);
}

TEST(LegalHistory, MayHoldAWriteOfTheDeadOrNot) {
  for (const bool happened : {false, true}) {
    ForgedRun run(2);
    const OperationId old = run.put(1, 1, {1, 2});
    const OperationId dead = run.put(0, 1, {10, 0}, Outcome::kInFlight);
    run.read(1, {1, old}, {20, 30});
    run.read(1, {1, happened ? dead : old}, {1'000, 1'010});
    expect_legal(run);
  }
}

TEST(LegalHistory, MayHoldAnEraseOfTheDeadOrNot) {
  for (const bool happened : {false, true}) {
    ForgedRun run(2);
    const OperationId old = run.put(1, 1, {1, 2});
    run.erase(0, 1, {10, 0}, Outcome::kInFlight);
    run.look(1, {{1, old}}, {20, 30}, 1);
    run.look(1, {{1, happened ? std::nullopt : std::optional(old)}}, {40, 50}, 2);
    expect_legal(run);
  }
}

// The erase of a client that is dead since 20. Others write: the last of them `when` at key 1.
// Afterwards nothing is there.
void erase_by_the_dead(ForgedRun& run, const ForgedRun::Interval& when) {
  run.erase(0, 1, {10, 0}, Outcome::kInFlight);
  run.abandon(0, 20);
  run.put(1, 2, {30, 40});
  run.put(1, 1, when);
  run.read(1, {1, {}}, {70, 80});
}

TEST(LegalHistory, MayHoldAnEraseOfTheDeadUntilTheNextWriteEnds) {
  for (const std::uint64_t begin_ns : {15, 40}) {
    ForgedRun run(2);
    erase_by_the_dead(run, {begin_ns, 60});
    expect_legal(run);
  }
  ForgedRun run(3);  // seen at once, though nobody has written yet
  const OperationId put = run.put(1, 1, {1, 2});
  run.erase(0, 1, {10, 0}, Outcome::kInFlight);
  run.look(2, {{1, put}}, {12, 14}, 1);
  run.abandon(0, 20);
  run.look(2, {{1, {}}}, {32, 34}, 2);
  run.put(1, 2, {30, 40});
  run.look(2, {{1, {}}}, {50, 60}, 4);
  expect_legal(run);
}

TEST(LegalHistory, MayHoldAWriteOfTheDeadForAsLongAsNobodyKnowsOrWrites) {
  for (const bool known_dead : {false, true}) {
    ForgedRun run(3);
    const OperationId old = run.put(1, 1, {1, 2});
    const OperationId dead = run.put(0, 1, {10, 0}, Outcome::kInFlight);
    run.put(1, 2, {12, 18});
    if (known_dead) run.abandon(0, 20);
    if (!known_dead) run.put(1, 2, {30, 40});
    run.put(1, 2, {50, 55}, Outcome::kRefused);
    run.look(2, {{1, old}}, {60, 70}, 7);
    run.look(2, {{1, dead}}, {80, 90}, 8);
    expect_legal(run);
  }
}

TEST(LegalHistory, MayKeepAWriteOfTheDead) {
  ForgedRun run(3);
  const OperationId dead = run.put(0, 1, {10, 0}, Outcome::kInFlight);
  run.abandon(0, 20);
  run.put(1, 2, {30, 40});
  run.look(2, {{1, dead}}, {50, 60}, 2);
  run.read(2, {1, dead}, {5'000, 5'001});
  expect_legal(run);
}

TEST(LegalHistory, MayForgetWhatWasRefused) {
  ForgedRun run(1);
  const OperationId put = run.put(0, 1, {10, 20});
  run.put(0, 1, {30, 40}, Outcome::kRefused);
  run.erase(0, 1, {50, 60}, Outcome::kRefused);
  run.read(0, {1, put}, {70, 80});
  expect_legal(run);
}

TEST(LegalHistory, MayReadAnOldSnapshotAgain) {
  ForgedRun run(2);
  const OperationId old = run.put(0, 1, {10, 20});
  run.look(1, {{1, old}}, {30, 40}, 1);
  const OperationId current = run.put(0, 1, {50, 60});
  run.look(0, {{1, current}}, {70, 80}, 2);
  run.look(1, {{1, old}, {2, {}}}, {30, 40}, 1);
  expect_legal(run);
}

TEST(LegalHistory, MayTakeSnapshotsBeforeAndAfterABatchInProgress) {
  ForgedRun run(2);
  const OperationId old = run.batch(0, {{1, kPut}, {2, kPut}}, {10, 20});
  const OperationId batch = run.batch(0, {{1, kPut}, {2, kErase}, {3, kPut}}, {30, 90});
  run.look(1, {{1, old}, {2, next(old)}, {3, {}}}, {40, 50}, 2);
  run.look(1, {{1, batch}, {2, {}}, {3, next(next(batch))}}, {60, 70}, 5);
  run.read(1, {2, {}}, {71, 72});
  expect_legal(run);
}

TEST(LegalHistory, MayBeginWithValuesThatWereThere) {
  ForgedRun run(1);
  EXPECT_EQ(run.verify().readings, 0u);
  const OperationId put = run.put(0, 1, {30, 40});
  run.look(0, {{1, {}}}, {10, 20}, 7);
  run.look(0, {{1, put}}, {50, 60}, 8);
  expect_legal(run);
}

TEST(PlantedViolation, ARefusedWriteIsSeen) {
  ForgedRun run(1);
  const OperationId refused = run.put(0, 1, {10, 20}, Outcome::kRefused);
  run.read(0, {1, refused}, {15, 30});
  expect(run, Kind::kRefusedSeen);
}

TEST(PlantedViolation, AValueIsReadThatNobodyWrote) {
  ForgedRun run(1);
  run.read(0, {1, OperationId{.writer = 0, .counter = 5}}, {15, 30});
  run.read(0, {1, OperationId{.writer = 9, .counter = 0}}, {15, 30});
  EXPECT_EQ(run.verify().violations.count(Kind::kRefusedSeen), 2u);
}

TEST(PlantedViolation, AWriteIsSeenBeforeItBegins) {
  ForgedRun run(2);
  const OperationId put = run.put(0, 1, {30, 40});
  run.read(1, {1, put}, {10, 20});
  expect(run, Kind::kNotYetBegun);
}

TEST(PlantedViolation, AnAcknowledgedWriteIsNotSeenByALaterRead) {
  ForgedRun run(2);
  const OperationId old = run.put(0, 1, {10, 20});
  run.put(0, 1, {30, 40});
  run.read(1, {1, old}, {50, 60});
  expect(run, Kind::kNoOrder);
}

TEST(PlantedViolation, AClientDoesNotSeeItsOwnWrite) {
  ForgedRun run(1);
  run.put(0, 1, {10, 20});
  run.read(0, {1, {}}, {30, 40});
  expect(run, Kind::kNoErase);
}

TEST(PlantedViolation, ReadsGoBack) {
  ForgedRun run(3);
  const OperationId old = run.put(0, 1, {10, 20});
  const OperationId current = run.put(0, 1, {30, 90});
  run.read(1, {1, current}, {40, 50});
  run.read(2, {1, old}, {60, 70});
  expect(run, Kind::kNoOrder);
}

TEST(PlantedViolation, ReadsGoToAndFroBetweenOverlappingWrites) {
  ForgedRun run(3);
  const OperationId one = run.put(0, 1, {10, 100});
  const OperationId other = run.put(1, 1, {10, 100});
  run.read(2, {1, one}, {20, 30});
  run.read(2, {1, other}, {40, 50});
  run.read(2, {1, one}, {60, 70});
  expect(run, Kind::kNoOrder);
}

TEST(PlantedViolation, AWriteOfTheDeadIsSeenAndGoneAgain) {
  ForgedRun run(2);
  const OperationId old = run.put(1, 1, {1, 2});
  const OperationId dead = run.put(0, 1, {10, 0}, Outcome::kInFlight);
  run.read(1, {1, dead}, {20, 30});
  run.read(1, {1, old}, {40, 50});
  expect(run, Kind::kNoOrder);
}

TEST(PlantedViolation, AnEraseOfTheDeadErasesWhatCameAfterTheNextWrite) {
  ForgedRun run(2);
  erase_by_the_dead(run, {50, 60});
  expect(run, Kind::kNoErase);
}

TEST(PlantedViolation, AnEraseOfTheDeadErasesWhatALaterSnapshotStillShows) {
  ForgedRun run(3);
  const OperationId put = run.put(1, 1, {1, 2});
  run.erase(0, 1, {10, 0}, Outcome::kInFlight);
  run.abandon(0, 20);
  run.put(1, 2, {30, 40});
  run.look(2, {{1, put}}, {50, 60}, 2);
  run.look(2, {{1, {}}}, {70, 80}, 3);
  expect(run, Kind::kNoErase);
}

TEST(PlantedViolation, AnEraseOfTheDeadComesBehindASnapshotThatItMustPrecede) {
  ForgedRun run(3);
  run.erase(0, 1, {10, 0}, Outcome::kInFlight);
  run.abandon(0, 20);
  run.put(1, 2, {30, 40});
  run.look(2, {{2, OperationId{.writer = 1, .counter = 0}}}, {50, 60}, 2);
  const OperationId put = run.put(1, 1, {61, 90});
  run.look(2, {{1, put}}, {62, 64}, 3);
  run.look(2, {{1, {}}}, {66, 68}, 4);
  expect(run, Kind::kStale);
}

TEST(PlantedViolation, APutOfTheDeadAppearsAfterTheNextWrite) {
  ForgedRun run(3);
  const OperationId old = run.put(1, 1, {1, 2});
  const OperationId dead = run.put(0, 1, {10, 0}, Outcome::kInFlight);
  run.abandon(0, 20);
  run.put(1, 2, {30, 40});
  run.read(2, {1, old}, {50, 60});
  run.read(2, {1, dead}, {70, 80});
  expect(run, Kind::kNoOrder);
}

TEST(PlantedViolation, ABatchOfTheDeadAppearsInASnapshotAfterOneThatItMustPrecede) {
  ForgedRun run(3);
  const OperationId dead = run.batch(0, {{1, kPut}, {3, kErase}}, {10, 0}, Outcome::kInFlight);
  run.abandon(0, 20);
  run.put(1, 2, {30, 40});
  run.look(2, {{1, {}}}, {50, 60}, 2);
  run.look(2, {{1, dead}}, {70, 80}, 3);
  expect(run, Kind::kNoPlace);
}

TEST(PlantedViolation, AnAcknowledgedEraseIsLost) {
  ForgedRun run(2);
  const OperationId put = run.put(0, 1, {10, 20});
  run.erase(0, 1, {30, 40});
  run.read(1, {1, put}, {50, 60});
  expect(run, Kind::kNoOrder);
}

TEST(PlantedViolation, AValueVanishesForAWhile) {
  ForgedRun run(2);
  const OperationId put = run.put(0, 1, {10, 20});
  run.erase(1, 1, {5, 0}, Outcome::kInFlight);
  run.read(1, {1, {}}, {30, 40});
  run.read(1, {1, put}, {50, 60});
  expect(run, Kind::kNoOrder);
}

TEST(PlantedViolation, AnEraseThatCameBeforeErasesWhatCameLater) {
  ForgedRun run(2);
  run.erase(1, 1, {5, 8});
  run.put(0, 1, {10, 20});
  run.read(1, {1, {}}, {30, 40});
  expect(run, Kind::kNoErase);
}

TEST(PlantedViolation, AnEraseThatHasNotBegunYetErases) {
  ForgedRun run(2);
  run.put(0, 1, {10, 20});
  run.read(1, {1, {}}, {30, 40});
  run.erase(0, 1, {50, 60});
  expect(run, Kind::kNoErase);
}

TEST(PlantedViolation, ASnapshotDoesNotSeeAWriteAcknowledgedBefore) {
  ForgedRun run(2);
  run.put(0, 1, {10, 20});
  const OperationId put = run.put(0, 2, {30, 40});
  run.look(1, {{2, put}, {1, {}}}, {50, 60}, 2);
  expect(run, Kind::kNoErase);
}

TEST(PlantedViolation, ASnapshotSeesAWriteThatBeganLater) {
  ForgedRun run(2);
  run.look(1, {{2, {}}}, {10, 20}, 0);
  const OperationId put = run.put(0, 1, {30, 40});
  run.look(1, {{1, put}}, {10, 20}, 0);
  expect(run, Kind::kNotYetBegun);
}

TEST(PlantedViolation, SnapshotsGoBack) {
  ForgedRun run(2);
  run.look(0, {{1, {}}}, {10, 20}, 7);
  run.look(1, {{1, {}}}, {30, 40}, 6);
  expect(run, Kind::kBackwards);
  EXPECT_EQ(run.verify().violations.kept()[0].key, Violation::kNoKey);
}

TEST(PlantedViolation, ASnapshotChanges) {
  ForgedRun run(2);
  const OperationId put = run.put(0, 1, {10, 100});
  run.look(1, {{1, {}}}, {20, 30}, 3);
  run.look(1, {{1, put}}, {20, 30}, 3);
  expect(run, Kind::kUnstable);
}

TEST(PlantedViolation, AnOverwrittenValueComesBackInLaterSnapshots) {
  ForgedRun run(3);
  const OperationId one = run.put(0, 1, {10, 100});
  const OperationId other = run.put(1, 1, {10, 100});
  run.look(2, {{1, one}}, {20, 80}, 3);
  run.look(1, {{1, other}}, {20, 80}, 4);
  run.look(0, {{1, one}}, {20, 80}, 5);
  expect(run, Kind::kUnstable);
}

TEST(PlantedViolation, ASnapshotLacksWhatAnEarlierOneShows) {
  ForgedRun run(3);
  const OperationId old = run.put(0, 1, {10, 20});
  run.look(2, {{1, old}}, {21, 22}, 1);
  const OperationId current = run.put(0, 1, {30, 0}, Outcome::kInFlight);
  run.look(1, {{1, current}}, {40, 90}, 4);
  run.look(2, {{1, old}}, {40, 90}, 5);
  expect(run, Kind::kStale);
}

TEST(PlantedViolation, AnEarlierSnapshotShowsWhatALaterOneDoesNotYetShow) {
  ForgedRun run(3);
  const OperationId put = run.put(0, 1, {30, 0}, Outcome::kInFlight);
  run.look(1, {{1, {}}}, {40, 90}, 5);
  run.look(2, {{1, put}}, {40, 90}, 4);
  run.look(2, {{1, put}}, {95, 96}, 6);
  expect(run, Kind::kUnstable);
}

TEST(PlantedViolation, TwoReadersSeeTwoWritesInDifferentOrders) {
  ForgedRun run(4);
  const OperationId one = run.put(0, 1, {10, 100});
  const OperationId other = run.put(1, 2, {10, 100});
  run.look(2, {{1, one}, {2, {}}}, {20, 90}, 3);
  run.look(3, {{1, {}}, {2, other}}, {20, 90}, 4);
  expect(run, Kind::kStale);
}

TEST(PlantedViolation, ABatchIsHalfSeen) {
  ForgedRun run(3);
  const OperationId old = run.batch(0, {{1, kPut}, {2, kPut}}, {10, 20});
  run.look(1, {{1, old}, {2, next(old)}}, {21, 22}, 2);
  const OperationId batch = run.batch(0, {{1, kPut}, {2, kPut}}, {30, 100});
  run.look(1, {{1, batch}, {2, next(old)}}, {40, 50}, 3);
  expect(run, Kind::kHalfBatch);
}

TEST(PlantedViolation, AnEraseOfABatchIsNotSeenWithItsPut) {
  ForgedRun run(3);
  const OperationId old = run.put(0, 2, {10, 20});
  run.look(1, {{1, {}}, {2, old}}, {21, 22}, 1);
  const OperationId batch = run.batch(0, {{1, kPut}, {2, kErase}}, {30, 100});
  run.look(1, {{1, batch}, {2, old}}, {40, 50}, 2);
  expect(run, Kind::kHalfBatch);
}

TEST(PlantedViolation, ABatchOfTheDeadIsHalfThere) {
  ForgedRun run(3);
  const OperationId old = run.put(0, 2, {10, 20});
  run.look(1, {{2, old}}, {21, 22}, 1);
  const OperationId batch = run.batch(0, {{1, kPut}, {2, kPut}}, {30, 0}, Outcome::kInFlight);
  run.look(1, {{1, batch}, {2, old}}, {40, 50}, 1);
  run.look(1, {{1, batch}, {2, old}}, {140, 150}, 3);
  expect(run, Kind::kHalfBatch);
}

TEST(PlantedViolation, TwoBatchesAreMixed) {
  ForgedRun run(3);
  const OperationId one = run.batch(0, {{1, kPut}, {2, kPut}}, {10, 100});
  const OperationId other = run.batch(1, {{1, kPut}, {2, kPut}}, {10, 100});
  run.look(2, {{1, one}, {2, next(other)}}, {20, 90}, 4);
  expect(run, Kind::kHalfBatch);
}

TEST(PlantedViolation, AWalkIsNotAtOnePoint) {
  ForgedRun run(3);
  const OperationId one = run.batch(0, {{1, kPut}, {2, kPut}}, {10, 100});
  const OperationId other = run.batch(1, {{1, kPut}, {2, kPut}}, {10, 100});
  run.look(2, {{1, one}, {2, next(other)}}, {20, 90}, Reading::kNoSequence);
  expect(run, Kind::kHalfBatch);
}

// Keys 1 and 2 in a walk, while a batch that puts both is written: `beside` is what was found
// under 2.
void walk_in_a_batch(ForgedRun& run, OperationKind second, bool old_beside) {
  const OperationId old = run.put(0, 2, {10, 20});
  const OperationId batch = run.batch(0, {{1, kPut}, {2, second}}, {30, 100});
  const std::optional<OperationId> beside = old_beside ? std::optional(old) : std::nullopt;
  run.look(1, {{1, batch}, {2, beside}}, {40, 50}, Reading::kNoSequence);
}

TEST(PlantedViolation, AWalkShowsBesideABatchWhatEndedBefore) {
  for (const OperationKind second : {kPut, kErase}) {
    ForgedRun run(2);
    walk_in_a_batch(run, second, true);
    expect(run, Kind::kHalfBatch);
  }
}

TEST(PlantedViolation, AWalkShowsNothingBesideABatchThoughNobodyErased) {
  ForgedRun half(2), whole(2);
  walk_in_a_batch(half, kPut, false);
  expect(half, Kind::kHalfBatch);
  walk_in_a_batch(whole, kErase, false);
  expect_legal(whole);
}

TEST(PlantedViolation, AWalkShowsBesideABatchWhatWasThereBeforeTheRun) {
  ForgedRun run(2);
  const OperationId batch = run.batch(0, {{1, kPut}, {2, kPut}}, {30, 100});
  run.look(1, {{1, batch}, {2, {}, true}}, {40, 50}, Reading::kNoSequence);
  expect(run, Kind::kHalfBatch);
}

TEST(LegalHistory, MayShowBesideABatchWhatCameBehindIt) {
  ForgedRun run(4);
  const OperationId batch = run.batch(0, {{1, kPut}, {2, kPut}, {3, kPut}}, {30, 100});
  const OperationId put = run.put(1, 2, {35, 90});
  run.erase(2, 3, {36, 90});
  run.look(3, {{1, batch}, {2, put}, {3, {}}}, {40, 50}, Reading::kNoSequence);
  expect_legal(run);
}

TEST(PlantedViolation, AWalkShowsTheLaterOfTwoWritesWithoutTheEarlier) {
  for (const bool absent : {false, true}) {
    ForgedRun run(2);
    const OperationId oldest = run.put(0, 2, {5, 10});
    run.put(0, 2, {12, 20});
    const OperationId last = run.put(0, 1, {30, 100});
    const std::optional<OperationId> beside = absent ? std::nullopt : std::optional(oldest);
    run.look(1, {{1, last}, {2, beside}}, {11, 50}, Reading::kNoSequence);
    expect(run, absent ? Kind::kNoErase : Kind::kNoOrder);
  }
}

TEST(PlantedViolation, AReadShowsWhatALaterSnapshotDoesNotYetShow) {
  ForgedRun run(3);
  const OperationId put = run.put(0, 1, {10, 100});
  run.read(1, {1, put}, {15, 20});
  run.look(2, {{1, {}}}, {30, 40}, 5);
  run.look(2, {{1, put}}, {50, 60}, 6);
  expect(run, Kind::kTooNew);
}

TEST(PlantedViolation, ASnapshotShowsAWriteThatBeganBehindAHigherOne) {
  ForgedRun run(3);
  run.look(2, {{2, {}}}, {1, 5}, 5);
  const OperationId put = run.put(0, 1, {10, 20});
  run.look(1, {{1, put}}, {12, 18}, 4);
  expect(run, Kind::kNoPlace);
}

TEST(PlantedViolation, IsToldWithItsWitnesses) {
  ForgedRun run(3);
  const OperationId old = run.put(0, 1, {10, 20});
  const OperationId current = run.put(0, 1, {30, 40});
  run.read(2, {1, old}, {50, 60});
  const history::Verification result = run.verify();
  ASSERT_EQ(result.violations.kept().size(), 1u);
  const Violation& violation = result.violations.kept()[0];
  EXPECT_EQ(violation.key, 1u);
  ASSERT_EQ(violation.readings.size(), 1u);
  EXPECT_EQ(violation.readings[0].log, 2u);
  ASSERT_EQ(violation.writes.size(), 2u);
  EXPECT_EQ(violation.writes[0].counter + violation.writes[1].counter,
            old.counter + current.counter);
}

}  // namespace
}  // namespace tidelock::agent
