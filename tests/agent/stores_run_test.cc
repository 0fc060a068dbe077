// The program on each store that it was built with.

#include <gtest/gtest.h>

#include <string>

#include "agent_program.h"
#include "store_kinds.h"

namespace tidelock::test {
namespace {

class StoreRuns : public AgentTest, public ::testing::WithParamInterface<const agent::StoreKind*> {
 protected:
  StoreRuns() : AgentTest(Where::kMemory) {}
  [[nodiscard]] std::string store() const { return std::string("--store ") + GetParam()->name; }
};

TEST_P(StoreRuns, KeepTheirPromises) {
  const Json report = good_run(store() +
                               " --verify --ops 8000 --key-count 200 --batch-percent 20"
                               " --snapshot-percent 20 --durable-percent 1");
  EXPECT_EQ(report["settings"]["store"], GetParam()->name);
  EXPECT_EQ(report["settings"]["processes"], GetParam()->many_processes ? 4 : 1);
  EXPECT_EQ(report["settings"]["threads"], GetParam()->many_processes ? 1 : 4);
  EXPECT_GT(report["acknowledged"], 100);
  EXPECT_GT(report["history"]["readings"], 1'000);
  EXPECT_GT(report["history"]["walks"], 10);
}

TEST_P(StoreRuns, KeepTheirPromisesToThoseWhoWait) {
  const Json report = good_run(store() +
                               " --verify --ops 4000 --key-count 200 --batch-percent 20"
                               " --snapshot-percent 20 --wait queue");
  EXPECT_EQ(report["retries"], 0);
  EXPECT_GT(report["acknowledged"], 100);
}

TEST_P(StoreRuns, LoseNothingWhenClientsAreKilled) {
  const std::string kill_every = GetParam()->many_processes ? "50" : "250";  // it has to open first
  const std::string options = store() + " --verify --seconds 1 --rate 2000 --kill-every " +
                              kill_every +
                              " --key-count 200 --batch-percent 20 --snapshot-percent 20";
  if (!GetParam()->survives_kills) {
    EXPECT_EQ(run(options).exit_code, 2);
    return;
  }
  const Json report = good_run(options);
  EXPECT_GE(report["kills"], 2);
  EXPECT_GT(report["acknowledged"], 10);
}

TEST_P(StoreRuns, RefuseWhatTheyHaveNot) {
  if (agent::is_tidelock(*GetParam())) return;
  for (const char* option : {"--handover strict", "--aim-percent 10", "--lose-state", "--churn 10",
                             "--durability periodic"}) {
    EXPECT_EQ(run(store() + " --ops 1 " + option).exit_code, 2) << option;
  }
  EXPECT_EQ(run(store() + " --ops 10 --processes 2").exit_code, GetParam()->many_processes ? 0 : 2);
  EXPECT_EQ(run(store() + " --ops 10 --memtable-size 1000000").exit_code,
            GetParam()->has_memtable ? 0 : 2);
}

INSTANTIATE_TEST_SUITE_P(All, StoreRuns, all_stores(), store_name);

}  // namespace
}  // namespace tidelock::test
