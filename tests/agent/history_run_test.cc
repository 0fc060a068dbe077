// Histories of real clients, some of them killed on the way, and the judgement on them.

#include <cstdlib>
#include <filesystem>

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
    " --verify --ops 30000 --wait queue --snapshot-percent 40 --memtable-size 1048576";

class HistoriesTest : public AgentTest {
 protected:
  HistoriesTest() : AgentTest(Where::kMemory) {
    ::setenv("TMPDIR", directory_.path().c_str(), 1);  // for the journals
  }
  ~HistoriesTest() override { ::unsetenv("TMPDIR"); }

  std::map<std::string, std::uint64_t> counts_;
};

using Histories = HistoriesTest;

TEST_F(Histories, ShowEveryReaderOnePointInOneOrderOfCommits) {
  const char* given = std::getenv("TIDELOCK_HISTORIES");
  const int goal = given != nullptr ? std::atoi(given) : kHistories;
  const std::uint64_t seed = random_seed();
  for (int i = 0; i < goal && !HasFailure(); ++i) {
    const Json report =
        good_run(std::string(kKinds[static_cast<std::size_t>(i) % std::size(kKinds)]) + kAlways +
                 " --seed " + std::to_string(seed + static_cast<std::uint64_t>(i)));
    counts_["kills"] += report["kills"].get<std::uint64_t>();
    for (const auto& [what, count] : report["history"].items()) {
      counts_[what] += count.get<std::uint64_t>();
    }
    std::filesystem::remove_all(directory_.file("db"));
  }
  for (const auto& [what, count] : counts_) std::printf("%s: %lu\n", what.c_str(), count);
  const auto floor = [&](const char* what, int of_each_history) {
    EXPECT_GE(counts_[what], static_cast<std::uint64_t>(goal * of_each_history)) << what;
  };
  floor("writes", 10'000);
  floor("batches", 3'000);
  floor("readings", 20'000);
  floor("snapshots", 300);
  floor("walks", 100);
  if (goal >= kHistories) floor("kills", 2);
}

}  // namespace
}  // namespace tidelock::test
