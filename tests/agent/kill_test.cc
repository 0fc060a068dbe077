// Random kills of clients that do everything that clients do: nothing acknowledged is lost, nothing
// is there that nobody wrote, no batch is half there, and nobody who lives is held up for long.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iterator>

#include "agent_program.h"
#include "os/clock.h"
#include "support/seed.h"

namespace tidelock::test {
namespace {

// AddressSanitizer makes the birth of a client ten times as dear.
#if defined(__SANITIZE_ADDRESS__)
constexpr int kKills = 300;
#else
constexpr int kKills = 3'000;
#endif

constexpr double kLongestCall = 2'000;          // ms
constexpr double kLongestCallAnywhere = 5'000;  // on whatever machine
constexpr std::chrono::seconds kPatience{400};

struct Round {
  const char* options;
  int keys = 400;
};
const Round kRounds[] = {
    // Many, in the queue; one holder after the other is killed inside.
    {"--processes 12 --kill-every 5 --aim-percent 70 --wait queue --batch-percent 40 --churn 400"},
    // Everybody at once, and what they share is built anew.
    {"--processes 8 --kill-every 12 --kill-all-every 4 --lose-state --wait queue "
     "--batch-percent 30 --durable-percent 10 --churn 100"},
    // Nobody queues; a few hot keys.
    {"--processes 16 --kill-every 5 --aim-percent 50 --backoff-cap 1ms --erase-percent 30 "
     "--batch-percent 50 --churn 400",
     40},
    // Large values: rolls, flushes, compactions.
    {"--processes 10 --kill-every 6 --kill-all-every 40 --wait queue --handover strict "
     "--value-size 3000 --durability periodic --batch-percent 30 --churn 2000"},
};
constexpr const char* kAlways =
    " --seconds 4 --spare 2 --snapshot-percent 10 --memtable-size 1048576 --key-count ";

const char* const kCounts[] = {"kills",        "aimed",       "states_lost", "redos",
                               "acknowledged", "batches",     "snapshots",   "reads",
                               "flushes",      "compactions", "reopenings",  "forks"};

class KilledClientsTest : public AgentRoundsTest {
 protected:
  void run_kills(const Round& round, std::uint64_t seed) {
    const Json report =
        run_round(round.options + std::string(kAlways) + std::to_string(round.keys), seed);
    EXPECT_EQ(report["strangers"], 0);
    // On a machine that keeps even a sleeper waiting, all take longer.
    const double starved = report["starved_ms"].get<double>();
    const double allowed = std::min(kLongestCall + 10 * starved, kLongestCallAnywhere);
    EXPECT_LT(report["longest_call_ms"].get<double>(), allowed) << starved;
    most_starved_ = std::max(most_starved_, starved);
    longest_call_ = std::max(longest_call_, report["longest_call_ms"].get<double>());
    longest_job_ = std::max(longest_job_, report["longest_job_ms"].get<double>());
    for (const char* count : kCounts) counts_[count] += report[count].get<std::uint64_t>();
  }

  double longest_call_ = 0;  // ms
  double longest_job_ = 0;
  double most_starved_ = 0;
};

using KilledClients = KilledClientsTest;

TEST_F(KilledClients, LoseNothingAndHoldNobodyUp) {
  const char* given = std::getenv("TIDELOCK_KILLS");
  const std::uint64_t goal = given != nullptr ? std::strtoull(given, nullptr, 10) : kKills;
  const std::uint64_t seed = random_seed();
  const os::Deadline deadline = os::Deadline::after(given != nullptr ? kPatience * 100 : kPatience);
  const auto is_done = [&](std::uint64_t rounds) {
    return HasFailure() || (rounds >= std::size(kRounds) && counts_["kills"] >= goal);
  };
  for (std::uint64_t round = 0; !is_done(round); ++round) {
    ASSERT_FALSE(deadline.expired()) << counts_["kills"] << " kills";
    run_kills(kRounds[round % std::size(kRounds)], seed + round);
  }
  print_counts();
  std::printf("longest call: %.1f ms; longest flush, compaction or close: %.1f ms\n", longest_call_,
              longest_job_);
  std::printf("longest delay of who only sleeps: %.1f ms\n", most_starved_);
  for (const char* what : {"aimed", "flushes", "compactions", "reopenings", "forks"}) {
    expect_at_least(what, goal / 60);
  }
  expect_at_least("states_lost", goal / 300);
  expect_at_least("redos", goal / 600);
  expect_at_least("batches", goal * 3);
  expect_at_least("snapshots", goal);
  expect_at_least("history: unanswered_seen", goal / 100);
  expect_at_least("history: unanswered_bounded", goal / 4);
}

}  // namespace
}  // namespace tidelock::test
