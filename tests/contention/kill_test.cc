// Processes killed at every named place of the lock queue, and anywhere at random.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
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

unsigned long long as_printed(std::uint64_t number) {
  return number;
}

struct Board {
  GuardedData data;
  std::atomic<bool> stop{false};
  std::atomic<std::uint32_t> failures{0};
};

class KillTest : public testing::Test {
 protected:
  explicit KillTest(std::uint32_t ring_entries = 8) : layout_(path_, ring_entries) {
    const std::uint64_t seed = environment("TIDELOCK_SEED", os::random_u64());
    std::printf("TIDELOCK_SEED=%llu\n", as_printed(seed));
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
        const bool stays = random() % 32 == 0;
        board_->data.visit(*guard, visitor, std::chrono::microseconds(stays ? random() % 100 : 0));
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
    if (crash_point != nullptr) board_->data.sentence(visitor);
    auto child = std::make_unique<test::ChildProcess>([=, this] {
      if (crash_point != nullptr) os::arm_crash_point(crash_point, nth, signal);
      return use_the_lock(visitor, handover, seed);
    });
    last_visitor_ = visitor;
    return child;
  }

  void expect_progress(const std::function<void()>& meanwhile = [] {}) {
    const std::uint64_t before = board_->data.count.load();
    EXPECT_TRUE(test::comes_true([&] {
      meanwhile();
      return board_->data.count.load() > before + 100;
    }));
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
  test::LockSite layout_;
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

// Clients of whom one after the other is killed and replaced, or stopped for a while. Some wait
// without an entry, for the ring is smaller than their number.
class StormTest : public KillTest {
 protected:
  static constexpr std::size_t kClients = 32;

  struct Client {
    std::unique_ptr<test::ChildProcess> process;
    std::uint32_t visitor = 0;
    std::optional<os::Deadline> stopped_until;
  };

  StormTest() : KillTest(16) {
    for (Client& one : clients_) replace(one);
  }

  void replace(Client& one) {
    one.process = client(random_() % 4 == 0 ? Handover::kStrict : Handover::kBounded);
    one.visitor = last_visitor_;
    one.stopped_until.reset();
  }

  void kill(Client& one) {
    board_->data.sentence(one.visitor);
    one.process->send(SIGKILL);
    EXPECT_TRUE(test::killed_by(one.process->wait(), SIGKILL));
    replace(one);
  }

  // False if too many are.
  bool stop(Client& one) {
    const auto is_stopped = [](const Client& other) { return other.stopped_until.has_value(); };
    if (is_stopped(one) || std::ranges::count_if(clients_, is_stopped) >= std::ssize(clients_) / 4)
      return false;
    one.process->send(SIGSTOP);
    // Now and then for so long that a lock which takes the stopped for dead would be found out.
    one.stopped_until = os::Deadline::after(milliseconds(random_() % (random_() % 8 ? 40 : 250)));
    return true;
  }

  void resume_all(bool also_before_time) {
    for (Client& one : clients_) {
      if (!one.stopped_until || !(also_before_time || one.stopped_until->expired())) continue;
      one.process->send(SIGCONT);
      one.stopped_until.reset();
    }
  }

  // Whoever holds the lock now, or anybody.
  Client& victim() {
    const LockWord word{layout_.file().lock.word.load()};
    const std::int32_t holder = layout_.file().members[word.owner().slot].pid.load();
    const auto found = std::ranges::find_if(
        clients_, [&](const Client& one) { return one.process->pid() == holder; });
    const bool aimed = random_() % 4 == 0 && word.is_held() && found != clients_.end();
    return aimed ? *found : clients_[random_() % kClients];
  }

  std::array<Client, kClients> clients_;
};

TEST_F(StormTest, OfKillsAndStopsBreaksNothing) {
  const std::uint64_t events = environment("TIDELOCK_EVENTS", 2'000);
  const auto limit = static_cast<std::int64_t>(environment("TIDELOCK_EVENT_SECONDS", 6) * 1'000);
  const os::Deadline end = os::Deadline::after(milliseconds(limit));
  const std::chrono::nanoseconds start = os::monotonic_now();
  IntervalChecker intervals(board_->data);
  std::uint64_t kills = 0;
  std::uint64_t stops = 0;
  while (kills + stops < events && !end.expired()) {
    os::sleep_for(std::chrono::microseconds(random_() % 2'000));
    resume_all(false);
    Client& one = victim();
    if (random_() % 2 == 0 && stop(one)) {
      ++stops;
    } else {
      kill(one);
      ++kills;
    }
    intervals.compare();
    if ((kills + stops) % 50 == 0) expect_progress([this] { resume_all(false); });
    ASSERT_LT(next_visitor_, GuardedData::kVisitorsMax);
  }
  resume_all(true);
  expect_progress();
  const auto took = os::monotonic_now() - start;
  std::vector<std::unique_ptr<test::ChildProcess>> last;
  for (Client& one : clients_) last.push_back(std::move(one.process));
  finish(last);
  intervals.compare();

  const std::uint64_t count = board_->data.count.load();
  const Statistics& counted = layout_.file().statistics;
  std::uint64_t own_counts = 0;
  for (const auto& visits : board_->data.visits) own_counts += visits.load();
  std::printf(
      "%llu kills, %llu stops in %.1f s: %llu visits, %llu intervals compared, %llu recoveries, "
      "%llu hand-overs, %llu lapses, %llu evictions\n",
      as_printed(kills), as_printed(stops), std::chrono::duration<double>(took).count(),
      as_printed(count), as_printed(intervals.compared()), as_printed(counted.recoveries.load()),
      as_printed(counted.hand_overs.load()), as_printed(counted.lapses.load()),
      as_printed(counted.evictions.load()));
  EXPECT_LE(own_counts, count) << "an increment was lost";
  EXPECT_LE(count - own_counts, kills)
      << "only the dead have counted for others and not themselves";
  EXPECT_EQ(board_->data.violations.load(), 0u);
  EXPECT_GT(intervals.compared(), count / 2);
  EXPECT_GT(counted.recoveries.load(), kills / 50) << "hardly anybody died inside";
}

}  // namespace
}  // namespace tidelock::lock
