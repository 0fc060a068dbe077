// That a lock which does not exclude is found out, by planting some.

#include <gtest/gtest.h>

#include <memory>

#include "agent/clock.h"
#include "agent/contend/comparison.h"

namespace tidelock::agent::contend {
namespace {

TEST(Stay, FindsOutThatAnotherBeganAndEndedWithinIt) {
  Guarded guarded{};
  Stay outer(guarded);
  Stay inner(guarded);
  EXPECT_TRUE(inner.end());
  EXPECT_FALSE(outer.end());
  EXPECT_EQ(guarded.turns.load(), 1u) << "one of two is lost";
}

TEST(Stay, FindsOutThatItBeganBeforeAnotherEnded) {
  Guarded guarded{};
  guarded.last_exit_ns.store(now_ns() + 1'000'000'000);
  EXPECT_FALSE(Stay(guarded).end());
}

TEST(Stay, IsAloneAfterAnother) {
  Guarded guarded{};
  for (int i = 0; i < 100; ++i) {
    Stay stay(guarded);
    stay.work(10);
    EXPECT_TRUE(stay.end());
  }
  EXPECT_EQ(guarded.turns.load(), 100u);
}

TEST(Stay, TakesAboutAsLongAsItIsCalibratedTo) {
  const Calibration calibration = calibrate(5'000);
  EXPECT_GT(calibration.stores, 0u);
  EXPECT_NEAR(calibration.stay_ns, 5'000, 2'500);
}

// Lets everybody in.
class NoLock final : public Lock {
 public:
  Status acquire(std::uint64_t& tries) override {
    ++tries;
    return Status();
  }
  void release() override {}
};

// Excludes, unless its holder stays for long: then it is taken away from it, as a lease would be.
class Lease final : public Lock {
 public:
  Lease(SharedWord& word, const LockSite& site) : word_(word), site_(site) {}
  Status acquire(std::uint64_t& tries) override {
    for (;;) {
      ++tries;
      const std::uint64_t now = now_ns();
      std::uint64_t end = word_.load();
      if (end < now && word_.compare_exchange_strong(end, now + kTermNs)) return Status();
      if (site_.stopped()) return Status(StatusCode::kTimedOut, "over");
    }
  }
  void release() override { word_.store(0); }

 private:
  static constexpr std::uint64_t kTermNs = 30'000'000;
  SharedWord& word_;
  const LockSite site_;
};

class ContentionTest : public ::testing::Test {
 protected:
  Comparison compare_one(const LockFactory& make_lock) {
    Progress progress;
    return compare(settings_, {{"planted", make_lock}, {"queue", factory_of(Policy::kQueue)}},
                   progress);
  }
  Settings settings_{.processes = 4, .seconds = 0.1, .rounds = 1, .faults = 0};
};

using Contention = ContentionTest;

TEST_F(Contention, IsNotExcludedByALockThatLetsEverybodyIn) {
  settings_.critical_ns = 20'000;
  const Comparison comparison = compare_one(
      [](const LockSite&) { return Result<std::unique_ptr<Lock>>(std::make_unique<NoLock>()); });
  ASSERT_EQ(comparison.outcomes.size(), 2u);
  EXPECT_EQ(comparison.outcomes[0].problems.size(), 1u);
  EXPECT_TRUE(comparison.outcomes[1].problems.empty());
  EXPECT_EQ(exit_code(comparison), ExitCode::kLost);
}

TEST_F(Contention, IsNotExcludedByALeaseThatOutlivesAStoppedHolder) {
  settings_.faults = 1;
  settings_.rounds = 0;
  const Result<Arena> memory = Arena::create(1);
  ASSERT_TRUE(memory);
  SharedWord& word = memory->presences()[0].stays;
  const Comparison comparison = compare_one([&](const LockSite& site) {
    return Result<std::unique_ptr<Lock>>(std::make_unique<Lease>(word, site));
  });
  EXPECT_EQ(comparison.outcomes[0].problems.size(), 1u);
  EXPECT_TRUE(comparison.outcomes[1].problems.empty()) << comparison.outcomes[1].problems[0];
}

TEST_F(Contention, NamesTheLockThatCannotBeMade) {
  const Comparison comparison = compare_one([](const LockSite&) {
    return Result<std::unique_ptr<Lock>>(Status(StatusCode::kPermission, "no way in"));
  });
  EXPECT_EQ(comparison.outcomes[0].failure.message(), "no way in");
  EXPECT_EQ(comparison.outcomes[1].rounds.size(), 1u) << "the others go on";
  EXPECT_EQ(exit_code(comparison), ExitCode::kIo);
}

TEST_F(Contention, TellsOfAProcessThatDiesByItself) {
  const Comparison comparison = compare_one([](const LockSite&) {
    std::_Exit(7);
    return Result<std::unique_ptr<Lock>>(Status());
  });
  EXPECT_EQ(comparison.outcomes[0].accidents.size(), 1u);
  EXPECT_EQ(exit_code(comparison), ExitCode::kAccident);
}

}  // namespace
}  // namespace tidelock::agent::contend
