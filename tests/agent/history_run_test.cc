// Histories of real clients, some of them killed on the way, and the judgement on them.

#include <cstdlib>
#include <iterator>

#include "agent_program.h"
#include "support/seed.h"

namespace tidelock::test {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr int kHistories = 6;
#else
constexpr int kHistories = 24;
#endif

// Few keys, so that clients meet on them; and many points at which several are looked at.
const char* const kKinds[] = {
    "--processes 8 --key-count 6 --batch-percent 60 --erase-percent 10",
    "--processes 8 --key-count 40 --batch-percent 30 --erase-percent 40 --churn 300",
    "--processes 4 --threads 3 --key-count 20 --batch-percent 50",
    "--processes 8 --key-count 3 --batch-percent 90 --erase-percent 50 --churn 1000",
    "--processes 6 --key-count 12 --batch-percent 50 --kill-every 4 --aim-percent 80 --churn 300",
    "--processes 8 --key-count 100 --batch-percent 50 --keys zipfian --kill-every 8 "
    "--kill-all-every 4 --lose-state --churn 200",
};
constexpr const char* kAlways =
    " --ops 30000 --wait queue --snapshot-percent 40 --memtable-size 1048576";

using Histories = AgentRoundsTest;

TEST_F(Histories, ShowEveryReaderOnePointInOneOrderOfCommits) {
  const char* given = std::getenv("TIDELOCK_HISTORIES");
  const std::uint64_t goal = given != nullptr ? std::strtoull(given, nullptr, 10) : kHistories;
  const std::uint64_t seed = random_seed();
  for (std::uint64_t i = 0; i < goal && !HasFailure(); ++i) {
    const Json report = run_round(std::string(kKinds[i % std::size(kKinds)]) + kAlways, seed + i);
    counts_["kills"] += report["kills"].get<std::uint64_t>();
  }
  print_counts();
  expect_at_least("history: writes", goal * 10'000);
  expect_at_least("history: batches", goal * 3'000);
  expect_at_least("history: readings", goal * 20'000);
  expect_at_least("history: snapshots", goal * 300);
  expect_at_least("history: walks", goal * 100);
  expect_at_least("kills", goal);
  expect_at_least("history: unanswered_bounded", goal / 2);
}

}  // namespace
}  // namespace tidelock::test
