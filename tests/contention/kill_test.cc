// Processes killed at every named place of the lock queue, and anywhere at random.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "contention/guarded_data.h"
#include "contention/soundness.h"
#include "lock/queue.h"
#include "os/crash_point.h"
#include "os/process.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/lock_site.h"
#include "support/shared_value.h"
#include "support/source_tree.h"
#include "support/temporary_directory.h"

namespace tidelock::lock {
namespace {

using std::chrono::milliseconds;

std::uint64_t environment(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : otherwise;
}

struct Board {
  GuardedData data;
  std::atomic<bool> stop{false};
  std::atomic<std::uint32_t> failures{0};
};

class KillTest : public testing::Test {
 protected:
  KillTest() {
    const std::uint64_t seed = environment("TIDELOCK_SEED", os::random_u64());
    std::printf("TIDELOCK_SEED=%llu\n", static_cast<unsigned long long>(seed));
    random_.seed(seed);
  }

  // Uses the lock in all ways, at random, until told to stop.
  int use_the_lock(std::uint32_t visitor, Handover handover, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    test::LockSite site(path_);
    auto attached = Queue::attach(site.site(), handover, "client");
    if (!attached) return 1;
    std::unique_ptr<Queue> queue = std::move(*attached);
    while (!board_->stop.load()) {
      if (random() % 128 == 0) {
        queue.reset();
        queue = Queue::attach(site.site(), handover, "client again").value();
      }
      Wait wait{.deadline = milliseconds(60'000)};
      wait.backoff = {.base = std::chrono::microseconds(50), .cap = milliseconds(1), .tries = 5};
      const std::uint64_t choice = random() % 8;
      if (choice == 0) wait.policy = Wait::Policy::kFailFast;
      if (choice == 1) wait.policy = Wait::Policy::kBackoff;
      if (choice == 2) wait.deadline = milliseconds(random() % 4);
      Result<Guard> guard = queue->acquire(wait);
      if (guard) {
        board_->data.visit(*guard, visitor);
      } else if (choice > 2) {
        board_->failures.fetch_add(1);
        return 2;
      }
    }
    return 0;
  }

  std::unique_ptr<test::ChildProcess> client(Handover handover, const char* crash_point = nullptr,
                                             int signal = SIGKILL, std::uint64_t nth = 1) {
    const std::uint32_t visitor = next_visitor_++;
    const std::uint64_t seed = random_();
    if (crash_point != nullptr) board_->data.sentenced[visitor].store(true);
    auto child = std::make_unique<test::ChildProcess>([=, this] {
      if (crash_point != nullptr) os::arm_crash_point(crash_point, nth, signal);
      return use_the_lock(visitor, handover, seed);
    });
    last_visitor_ = visitor;
    return child;
  }

  void expect_progress() {
    const std::uint64_t before = board_->data.count.load();
    EXPECT_TRUE(test::comes_true([&] { return board_->data.count.load() > before + 100; }));
  }

  void finish(std::vector<std::unique_ptr<test::ChildProcess>>& clients) {
    board_->stop.store(true);
    for (auto& child : clients) EXPECT_TRUE(test::exited_with(child->wait(), 0));
    EXPECT_EQ(board_->data.violations.load(), 0u);
    EXPECT_EQ(board_->failures.load(), 0u);
    test::LockSite site(path_);
    auto watcher = Queue::attach(site.site(), Handover::kBounded, "watcher").value();
    expect_sound(site.file(), *watcher);
  }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.file("queue");
  test::LockSite layout_{path_, 8};
  test::SharedValue<Board> board_;
  std::mt19937_64 random_;
  std::uint32_t next_visitor_ = 0;
  std::uint32_t last_visitor_ = 0;
};

struct Place {
  const char* name;
  Handover handover;
  // Something that must happen to another client again and again for the place to be reached.
  const char* needs = nullptr;
  int needs_signal = SIGKILL;
};

void PrintTo(const Place& place, std::ostream* out) {
  *out << place.name;
}

const Place kPlaces[] = {
    {"lock.member_locked", Handover::kBounded},
    {"lock.generation_bumped", Handover::kBounded},
    {"lock.taken_at_once", Handover::kBounded},
    {"lock.acquired", Handover::kBounded},
    {"lock.entry_claimed", Handover::kBounded},
    {"lock.enqueued", Handover::kStrict},
    {"lock.sleep_announced", Handover::kBounded},
    {"lock.released_before_wake", Handover::kBounded},
    {"lock.offer_made", Handover::kStrict},
    {"lock.entry_recycled", Handover::kStrict},
    {"lock.cancel_marked", Handover::kStrict},
    {"lock.entry_lapsed", Handover::kStrict, "lock.enqueued", SIGSTOP},
    {"lock.recovery_taken", Handover::kBounded, "lock.acquired", SIGKILL},
    {"lock.recovered", Handover::kBounded, "lock.acquired", SIGKILL},
};

class KilledAt : public KillTest, public testing::WithParamInterface<Place> {
 protected:
  void provoke(const Place& place, std::vector<std::unique_ptr<test::ChildProcess>>& stopped) {
    auto another = client(place.handover, place.needs, place.needs_signal);
    if (place.needs_signal == SIGKILL) {
      another->wait();
      return;
    }
    another->wait_for_stop();
    stopped.push_back(std::move(another));
    if (stopped.size() > 4) stopped.erase(stopped.begin());  // which kills it
  }
};

// Others go on without doing anything, and what was left behind is sound.
TEST_P(KilledAt, AnyNamedPlaceLeavesTheLockToTheOthers) {
  const Place& place = GetParam();
  std::vector<std::unique_ptr<test::ChildProcess>> others;
  for (int i = 0; i < 3; ++i) others.push_back(client(place.handover));
  for (const std::uint64_t nth : {1, 2, 5}) {
    auto victim = client(place.handover, place.name, SIGKILL, nth);
    std::vector<std::unique_ptr<test::ChildProcess>> stopped;
    EXPECT_TRUE(test::comes_true([&] {
      if (!victim->has_ended() && place.needs != nullptr) provoke(place, stopped);
      return victim->has_ended();
    })) << place.name
        << " was not visited " << nth << " times";
    if (!victim->has_ended()) victim->send(SIGTERM);
    EXPECT_TRUE(test::killed_by(victim->wait(), SIGKILL));
    expect_progress();
  }
  finish(others);
}

// The places of opening a file are visited by lock_lock_queue_test.
TEST(KilledAtPlaces, AreAllThatHaveANameInTheSources) {
  std::set<std::string> named;
  const std::regex macro("TIDELOCK_CRASH_POINT\\(\"(lock\\.[a-z_]+)\"\\)");
  for (const test::SourceFile& file : test::source_files()) {
    if (!file.path.string().starts_with("libdb/lock/")) continue;
    for (std::sregex_iterator at(file.text.begin(), file.text.end(), macro), end; at != end; ++at) {
      named.insert((*at)[1]);
    }
  }
  std::set<std::string> visited{"lock.file_allocated", "lock.file_laid_out"};
  for (const Place& place : kPlaces) visited.insert(place.name);
  EXPECT_EQ(visited, named);
}

INSTANTIATE_TEST_SUITE_P(Places, KilledAt, testing::ValuesIn(kPlaces), [](const auto& given) {
  std::string name = given.param.name;
  for (char& c : name) c = c == '.' ? '_' : c;
  return name;
});

TEST_F(KillTest, AnywhereAtRandomBreaksNothing) {
  const std::uint64_t kills = environment("TIDELOCK_KILLS", 2'000);
  const os::Deadline limit = os::Deadline::after(
      milliseconds(static_cast<std::int64_t>(environment("TIDELOCK_KILL_SECONDS", 15) * 1'000)));
  constexpr std::size_t kClients = 8;
  const auto newcomer = [this] {
    return client(random_() % 4 == 0 ? Handover::kStrict : Handover::kBounded);
  };
  std::vector<std::unique_ptr<test::ChildProcess>> clients;
  std::vector<std::uint32_t> visitors;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(newcomer());
    visitors.push_back(last_visitor_);
  }
  std::uint64_t killed = 0;
  while (killed < kills && !limit.expired()) {
    const std::size_t i = random_() % kClients;
    os::sleep_for(std::chrono::microseconds(random_() % 2'000));
    if (random_() % 16 == 0) {
      clients[i]->send(SIGSTOP);
      os::sleep_for(std::chrono::microseconds(random_() % 40'000));
      clients[i]->send(SIGCONT);
      continue;
    }
    board_->data.sentenced[visitors[i]].store(true);
    clients[i]->send(SIGKILL);
    EXPECT_TRUE(test::killed_by(clients[i]->wait(), SIGKILL));
    clients[i] = newcomer();
    visitors[i] = last_visitor_;
    if (++killed % 50 == 0) expect_progress();
    ASSERT_LT(next_visitor_, GuardedData::kVisitorsMax);
  }
  expect_progress();
  const Statistics& counted = layout_.file().statistics;
  std::printf("%llu kills, %llu visits, %llu recoveries, %llu hand-overs, %llu lapses\n",
              static_cast<unsigned long long>(killed),
              static_cast<unsigned long long>(board_->data.count.load()),
              static_cast<unsigned long long>(counted.recoveries.load()),
              static_cast<unsigned long long>(counted.hand_overs.load()),
              static_cast<unsigned long long>(counted.lapses.load()));
  EXPECT_GT(counted.recoveries.load(), killed / 100) << "hardly anybody died inside";
  finish(clients);
}

}  // namespace
}  // namespace tidelock::lock
