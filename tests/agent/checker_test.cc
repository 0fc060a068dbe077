#include "agent/checker.h"

#include <gtest/gtest.h>

#include "forged_run.h"

namespace tidelock::agent {
namespace {

void expect_sound(const ForgedRun& run) {
  const CheckResult result = run.check();
  EXPECT_EQ(result.lost, 0u);
  EXPECT_EQ(result.impossible, 0u);
  EXPECT_TRUE(result.mismatches.empty());
}

void expect_lost(const ForgedRun& run, std::uint32_t key) {
  const CheckResult result = run.check();
  EXPECT_EQ(result.lost, 1u);
  EXPECT_EQ(result.impossible, 0u);
  ASSERT_EQ(result.mismatches.size(), 1u);
  EXPECT_EQ(result.mismatches[0].key, key);
  EXPECT_EQ(result.mismatches[0].verdict, Verdict::kStale);
}

void expect_impossible(const ForgedRun& run) {
  EXPECT_EQ(run.check().impossible, 1u);
  EXPECT_EQ(run.check().lost, 0u);
}

TEST(Checker, AcceptsTheLastAcknowledgedWrite) {
  ForgedRun run(2);
  run.put(0, 1, {10, 20});
  run.holds(1, run.put(1, 1, {30, 40}));
  expect_sound(run);
}

TEST(Checker, FindsALostWrite) {
  ForgedRun run(2);
  const OperationId old = run.put(0, 1, {10, 20});
  const OperationId lost = run.put(1, 1, {30, 40});
  run.holds(1, old);
  expect_lost(run, 1);
  const Mismatch mismatch = run.check().mismatches[0];
  EXPECT_EQ(mismatch.found.stamp.counter, old.counter);
  ASSERT_EQ(mismatch.expected.size(), 1u);
  EXPECT_EQ(mismatch.expected[0].writer, lost.writer);
}

TEST(Checker, FindsALostFirstWrite) {
  ForgedRun run(1);
  run.put(0, 2, {10, 20});
  expect_lost(run, 2);
}

TEST(Checker, FindsAWriteLostToAValueFromBeforeTheRun) {
  ForgedRun run(1);
  run.put(0, 2, {10, 20});
  run.holds(2, "loaded long ago");
  expect_lost(run, 2);
}

TEST(Checker, AcceptsEitherOfTwoWritesAtTheSameTime) {
  for (const int winner : {0, 1}) {
    ForgedRun run(2);
    const OperationId puts[] = {run.put(0, 1, {10, 40}), run.put(1, 1, {30, 60})};
    run.holds(1, puts[winner]);
    expect_sound(run);
  }
}

TEST(Checker, AcceptsThatAnOperationInFlightHappenedOrNot) {
  for (const bool happened : {false, true}) {
    ForgedRun run(2);
    const OperationId pending = run.put(0, 1, {10, 0}, Outcome::kInFlight);
    const OperationId later = run.put(1, 1, {30, 40});
    run.holds(1, happened ? pending : later);
    expect_sound(run);
  }
}

TEST(Checker, AcceptsThatAnOperationWithAnErrorHappenedOrNot) {
  for (const bool happened : {false, true}) {
    ForgedRun run(2);
    const OperationId failed = run.put(0, 1, {10, 20}, Outcome::kUnknown);
    const OperationId later = run.put(1, 1, {30, 40});
    run.holds(1, happened ? failed : later);
    expect_sound(run);
  }
}

TEST(Checker, FindsTheValueOfARefusedWrite) {
  ForgedRun run(1);
  run.holds(1, run.put(0, 1, {10, 20}, Outcome::kRefused));
  expect_impossible(run);
}

TEST(Checker, ARefusedWriteExplainsNothing) {
  ForgedRun run(1);
  run.put(0, 1, {10, 20});
  run.erase(0, 1, {30, 40}, Outcome::kRefused);
  expect_lost(run, 1);
}

TEST(Checker, AcceptsAnAcknowledgedErase) {
  ForgedRun run(1);
  run.put(0, 1, {10, 20});
  run.erase(0, 1, {30, 40});
  expect_sound(run);
}

TEST(Checker, FindsALostErase) {
  ForgedRun run(2);
  run.holds(1, run.put(0, 1, {10, 20}));
  run.erase(1, 1, {30, 40});
  expect_lost(run, 1);
}

TEST(Checker, FindsAPutThatAnEarlierEraseCannotHaveErased) {
  ForgedRun run(2);
  run.erase(0, 1, {10, 20});
  run.put(1, 1, {30, 40});
  expect_lost(run, 1);
}

TEST(Checker, AcceptsAnEraseInFlightThatTookEffectLate) {
  ForgedRun run(2);
  run.erase(0, 1, {10, 0}, Outcome::kInFlight);
  run.put(1, 1, {30, 40});
  expect_sound(run);
}

TEST(Checker, AWriteOfTheDeadComesBeforeTheEndOfAnyThatBeganAfterTheDeath) {
  for (const bool known_dead : {false, true}) {
    ForgedRun erased(2), revived(2);
    erased.erase(0, 1, {10, 0}, Outcome::kInFlight);
    revived.holds(1, revived.put(0, 1, {10, 0}, Outcome::kInFlight));
    for (ForgedRun* run : {&erased, &revived}) {
      if (known_dead) run->abandon(0, 20);
      run->holds(2, run->put(1, 2, {30, 40}));
      run->put(1, 1, {50, 60});
      known_dead ? expect_lost(*run, 1) : expect_sound(*run);
    }
  }
}

TEST(Checker, AcceptsAWriteOfTheDeadThatTheNextOneFinished) {
  ForgedRun run(2);
  run.erase(0, 1, {10, 0}, Outcome::kInFlight);
  run.abandon(0, 20);
  run.put(1, 1, {15, 40});  // may have come first: it did not begin after the death
  expect_sound(run);
}

TEST(Checker, FindsAValueUnderAnotherKey) {
  ForgedRun run(1);
  const OperationId put = run.put(0, 1, {10, 20});
  run.holds(1, put);
  run.holds(3, ForgedRun::value_of(put, 1));
  expect_impossible(run);
}

TEST(Checker, FindsATornValue) {
  ForgedRun run(1);
  const OperationId put = run.put(0, 1, {10, 20});
  std::string value = ForgedRun::value_of(put, 1);
  value.back() ^= 1;
  run.holds(1, value);
  expect_impossible(run);
}

TEST(Checker, FindsAValueThatNobodyWrote) {
  ForgedRun run(1);
  run.holds(1, ForgedRun::value_of({.writer = 0, .counter = 77}, 1));
  expect_impossible(run);
}

TEST(Checker, FindsAValueOfAWriterThatIsNone) {
  ForgedRun run(1);
  run.holds(1, ForgedRun::value_of({.writer = 9, .counter = 0}, 1));
  expect_impossible(run);
}

TEST(Checker, LeavesAloneWhatWasThereBefore) {
  ForgedRun run(1);
  run.holds(0, "from before");
  expect_sound(run);
  EXPECT_EQ(run.check().keys, 4u);
}

TEST(Checker, CountsWhatTheJournalsSay) {
  ForgedRun run(2);
  run.put(0, 0, {10, 20});
  run.erase(0, 0, {30, 40});
  run.put(0, 0, {50, 60}, Outcome::kRefused);
  run.put(1, 1, {10, 20}, Outcome::kUnknown);
  run.put(1, 1, {30, 0}, Outcome::kInFlight);
  const JournalTotals totals = run.history().totals;
  EXPECT_EQ(totals.acknowledged, 2u);
  EXPECT_EQ(totals.acknowledged_erases, 1u);
  EXPECT_EQ(totals.refused, 1u);
  EXPECT_EQ(totals.unknown, 1u);
  EXPECT_EQ(totals.in_flight, 1u);
}

TEST(Checker, PassesOnTheErrorOfARead) {
  ForgedRun run(1);
  const KeySpace keys = KeySpace::generated(4);
  const Result<CheckResult> result = check_final_values(
      run.history(), keys, keys.in_byte_order(), run.evidence(),
      [](const KeyToRead&) { return Status(StatusCode::kCorruption, "block 7"); });
  EXPECT_EQ(result.status().code(), StatusCode::kCorruption);
}

}  // namespace
}  // namespace tidelock::agent
