#include "agent/verdict.h"

#include <gtest/gtest.h>

#include "forged_run.h"

namespace tidelock::agent {
namespace {

// Reads as the clients judge them while the run lasts: `newest` is the latest begin of a write
// that was acknowledged before the read.
Verdict judge_value(const ForgedRun& run, std::uint32_t key, const OperationId& put,
                    std::uint64_t newest) {
  const std::string value = ForgedRun::value_of(put, key);
  return judge(interpret(key, value, run.evidence()), {.newest_begin_ns = newest});
}

TEST(Verdict, AValueIsStaleIfItsPutEndedBeforeAnAcknowledgedWriteBegan) {
  ForgedRun run(2);
  const OperationId put = run.put(0, 1, {10, 20});
  EXPECT_EQ(judge_value(run, 1, put, 0), Verdict::kSound);
  EXPECT_EQ(judge_value(run, 1, put, 20), Verdict::kSound);
  EXPECT_EQ(judge_value(run, 1, put, 21), Verdict::kStale);
}

TEST(Verdict, AValueOfAPutInFlightIsNeverStale) {
  ForgedRun run(1);
  const OperationId put = run.put(0, 1, {10, 0}, Outcome::kInFlight);
  EXPECT_EQ(judge_value(run, 1, put, 1'000'000), Verdict::kSound);
}

TEST(Verdict, AValueOfARefusedPutIsImpossible) {
  ForgedRun run(1);
  const OperationId put = run.put(0, 1, {10, 20}, Outcome::kRefused);
  EXPECT_EQ(judge_value(run, 1, put, 0), Verdict::kImpossible);
}

TEST(Verdict, AValueThatNamesAnEraseIsImpossible) {
  ForgedRun run(1);
  const OperationId erase = run.erase(0, 1, {10, 20});
  EXPECT_EQ(judge_value(run, 1, erase, 0), Verdict::kImpossible);
}

TEST(Verdict, AValueOfAnotherLengthIsImpossible) {
  ForgedRun run(1);
  const std::string value = ForgedRun::value_of(run.put(0, 1, {10, 20}), 1) + "x";
  EXPECT_EQ(judge(interpret(1, value, run.evidence()), {}), Verdict::kImpossible);
}

TEST(Verdict, ABareStampUnderAnotherKeyIsImpossible) {
  ForgedRun run(1);
  const std::string stamp = ForgedRun::value_of(run.put(0, 1, {10, 20}), 1).substr(0, 24);
  Evidence evidence = run.evidence();
  const ValueShape bare{.sizes = Sizes::fixed(stamp.size())};
  evidence.values = &bare;
  EXPECT_EQ(judge(interpret(1, stamp, evidence), {}), Verdict::kSound);
  EXPECT_EQ(judge(interpret(2, stamp, evidence), {}), Verdict::kImpossible);
}

TEST(Verdict, AbsenceNeedsAnEraseThatIsNotTooOld) {
  const Finding nothing = interpret(1, std::nullopt, {});
  EXPECT_EQ(judge(nothing, {}), Verdict::kSound);
  EXPECT_EQ(judge(nothing, {.newest_begin_ns = 10}), Verdict::kStale);
  EXPECT_EQ(judge(nothing, {.newest_begin_ns = 10, .latest_erase_ns = 9}), Verdict::kStale);
  EXPECT_EQ(judge(nothing, {.newest_begin_ns = 10, .latest_erase_ns = 10}), Verdict::kSound);
  EXPECT_EQ(judge(nothing, {.newest_begin_ns = 10, .latest_erase_ns = UINT64_MAX}),
            Verdict::kSound);
}

TEST(Verdict, PresenceNeedsAPutThatIsNotTooOldOnceAnEraseIsAcknowledged) {
  const Finding something{.kind = Finding::Kind::kSomething};
  EXPECT_EQ(judge(something, {.newest_begin_ns = 10}), Verdict::kSound);
  EXPECT_EQ(judge(something, {.newest_begin_ns = 10, .newest_erase_begin_ns = 10}),
            Verdict::kStale);
  EXPECT_EQ(judge(something, {.newest_erase_begin_ns = 10, .latest_put_ns = 9}), Verdict::kStale);
  EXPECT_EQ(judge(something, {.newest_erase_begin_ns = 10, .latest_put_ns = 10}), Verdict::kSound);
}

TEST(Verdict, AForeignValueIsSoundUntilTheFirstAcknowledgedWrite) {
  const Finding foreign = interpret(1, "17", {});
  EXPECT_EQ(foreign.kind, Finding::Kind::kForeign);
  EXPECT_EQ(judge(foreign, {}), Verdict::kSound);
  EXPECT_EQ(judge(foreign, {.newest_begin_ns = 1}), Verdict::kStale);
}

TEST(Verdict, AValueOfAnEarlierRunIsForeign) {
  std::string value;
  write_value({.run = ForgedRun::kRun + 1, .writer = 0, .counter = 0}, 1, ForgedRun::kValues,
              value);
  EXPECT_EQ(interpret(1, value, ForgedRun(1).evidence()).kind, Finding::Kind::kForeign);
}

}  // namespace
}  // namespace tidelock::agent
