// Random kills of clients that do everything that clients do: nothing acknowledged is lost, nothing
// is there that nobody wrote, no batch is half there, and nobody who lives is held up for long.

#include <cstdlib>
#include <filesystem>

#include "agent_program.h"
#include "os/clock.h"
#include "support/seed.h"

namespace tidelock::test {
namespace {

// The addresses' sanitizer makes a client's birth ten times as dear.
#if defined(__SANITIZE_ADDRESS__)
constexpr int kKills = 300;
#else
constexpr int kKills = 3'000;
#endif

constexpr double kLongestCall = 2'000;  // ms
constexpr std::chrono::seconds kPatience{400};

// What a round is about; to all of them belongs kAlways.
const char* const kRounds[] = {
    // Many, in the queue; one holder after the other is killed inside.
    "--processes 12 --kill-every 5 --aim-percent 70 --wait queue --batch-percent 40 --churn 400",
    // Everybody at once, and what they share is built anew.
    "--processes 8 --kill-every 12 --kill-all-every 4 --lose-state --wait queue "
    "--batch-percent 30 --durable-percent 10 --churn 100",
    // Nobody queues; a few hot keys.
    "--processes 16 --kill-every 5 --aim-percent 50 --backoff-cap 1ms --key-count 40 "
    "--erase-percent 30 --batch-percent 50 --churn 400",
    // Large values: rolls, flushes, compactions.
    "--processes 10 --kill-every 6 --kill-all-every 40 --wait queue --handover strict "
    "--value-size 3000 --durability periodic --batch-percent 30 --churn 2000",
};
constexpr const char* kAlways =
    " --seconds 2.5 --verify --snapshot-percent 10 --memtable-size 1048576";

const char* const kCounts[] = {"kills",        "aimed",       "states_lost", "redos",
                               "acknowledged", "batches",     "snapshots",   "reads",
                               "flushes",      "compactions", "reopenings",  "forks"};

class KilledClientsTest : public AgentTest {
 protected:
  KilledClientsTest() : AgentTest(Where::kMemory) {
    ::setenv("TMPDIR", directory_.path().c_str(), 1);  // for the journals
  }
  ~KilledClientsTest() override { ::unsetenv("TMPDIR"); }

  void run_round(const char* about, std::uint64_t seed) {
    const std::string key_count =
        std::string(about).find("--key-count") == std::string::npos ? " --key-count 400" : "";
    const Json report =
        good_run(about + std::string(kAlways) + key_count + " --seed " + std::to_string(seed));
    EXPECT_EQ(report["strangers"], 0);
    // On a machine that keeps even a sleeper waiting, all take longer.
    const double starved = report["starved_ms"].get<double>();
    EXPECT_LT(report["longest_call_ms"].get<double>(), kLongestCall + 10 * starved) << starved;
    longest_call_ = std::max(longest_call_, report["longest_call_ms"].get<double>());
    longest_job_ = std::max(longest_job_, report["longest_job_ms"].get<double>());
    for (const char* count : kCounts) counts_[count] += report[count].get<std::uint64_t>();
    counts_["unanswered, seen later"] += report["history"]["unanswered_seen"].get<std::uint64_t>();
    counts_["readings"] += report["history"]["readings"].get<std::uint64_t>();
    std::filesystem::remove_all(directory_.file("db"));
  }

  std::map<std::string, std::uint64_t> counts_;
  double longest_call_ = 0;  // ms
  double longest_job_ = 0;
};

using KilledClients = KilledClientsTest;

TEST_F(KilledClients, LoseNothingAndHoldNobodyUp) {
  const char* given = std::getenv("TIDELOCK_KILLS");
  const std::uint64_t goal = given != nullptr ? std::strtoull(given, nullptr, 10) : kKills;
  const std::uint64_t seed = random_seed();
  const os::Deadline deadline = os::Deadline::after(given != nullptr ? kPatience * 100 : kPatience);
  for (std::uint64_t round = 0; counts_["kills"] < goal && !HasFailure(); ++round) {
    ASSERT_FALSE(deadline.expired()) << counts_["kills"] << " kills";
    run_round(kRounds[round % std::size(kRounds)], seed + round);
  }
  for (const auto& [what, count] : counts_) std::printf("%s: %lu\n", what.c_str(), count);
  std::printf("longest call: %.1f ms; longest flush, compaction or close: %.1f ms\n", longest_call_,
              longest_job_);
  const auto floor = [&](const char* what, std::uint64_t least) {
    EXPECT_GE(counts_[what], least) << what;
  };
  floor("kills", goal);
  floor("aimed", goal / 30);
  floor("states_lost", goal / 300);
  floor("redos", goal / 600);
  for (const char* what : {"flushes", "compactions", "reopenings", "forks"}) floor(what, goal / 30);
  floor("batches", goal * 3);
  floor("snapshots", goal);
  floor("unanswered, seen later", goal / 100);
}

}  // namespace
}  // namespace tidelock::test
