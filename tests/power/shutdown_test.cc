// Cuts the power of a real file system under several processes, again and again: it is shut down by
// the kernel, mounted again, and the database in it opened.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "os/crash_point.h"
#include "power/client.h"
#include "power/examiner.h"
#include "power/history.h"
#include "power/loop_disk.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/random.h"
#include "support/seed.h"
#include "support/shared_value.h"
#include "support/temporary_directory.h"
#include "tidelock/db.h"

namespace tidelock {
namespace {

using test::Client;
using test::History;
using test::Random;

constexpr std::uint64_t kCuts = 10;  // TIDELOCK_SHUTDOWNS: of each type of file system
// Of a life, before its cut: whichever comes first.
constexpr std::uint64_t kCommitsMax = 500;
constexpr std::chrono::milliseconds kTimeMax{500};
constexpr std::uint64_t kWritesMax = test::Journal::kWritesMax - 64;

struct Counts {
  std::atomic<std::uint64_t> cuts{0};
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> required{0};  // had been acknowledged as durable, or came before such
  std::atomic<std::uint64_t> survived{0};
  std::atomic<std::uint64_t> losing{0};  // cuts that took commits
  std::atomic<std::uint64_t> kills{0};
  char missing[256] = {};
  char problem[4096] = {};
};

// One database on one disk, over many cuts.
class Machine {
 public:
  Machine(const test::LoopDisk& disk, std::uint64_t seed, Counts& counts)
      : disk_(disk), path_(disk.path() + "/db"), random_(seed), counts_(counts) {
    history_.begin(1);
    memtable_size_ = (std::size_t{64} << random_() % 3) << 10;
  }

  // From one cut to the next: what is wrong.
  std::string live() {
    const pid_t self = ::getpid();
    const std::uint64_t end = history_.commits() + 1 + random_() % kCommitsMax;
    const std::size_t victim = random_() % 8;
    std::vector<test::ChildProcess> clients;
    for (std::size_t i = 0; i < 2 + random_() % 3; ++i) {
      const std::int64_t visits =
          i == victim ? 1 + static_cast<std::int64_t>(random_() % 2'000) : 0;
      clients.emplace_back([this, self, visits, seed = random_()] {
        test::die_with(self);
        return work(seed, visits);
      });
    }
    (void)test::comes_true([&] { return history_.commits() >= end; }, kTimeMax);
    for (std::size_t i = 0; i < clients.size(); ++i) {
      if (!clients[i].has_ended()) continue;
      const int status = clients[i].wait();
      if (i != victim || !test::killed_by(status, SIGKILL)) {
        return "a process ended with status " + std::to_string(status);
      }
      counts_.kills.fetch_add(1);
    }
    cut_.from = history_.recording().tick();
    std::string problem = disk_.cut_power();
    cut_.to = history_.recording().tick();
    clients.clear();
    counts_.cuts.fetch_add(1);
    counts_.commits.fetch_add(history_.commits());
    return problem.empty() ? disk_.mount_again() : problem;
  }

  // After the next boot, and into the next life.
  std::string look() {
    if (random_() % 2 == 0) {
      Options reading;
      reading.access = Access::kReadOnly;
      Result<Db> db = Db::open(path_, reading);
      if (!db && db.error().code() != StatusCode::kNotFound) return db.error().to_string();
      const auto verdict = db ? judge(*db) : history_.judge({}, cut_);
      if (!verdict.model) return "read only: " + verdict.problem;
    }
    Client client = make_client(random_(), 50);
    if (Status status = client.open(); !status.ok()) return status.to_string();
    History::Verdict verdict = judge(client.db());
    if (!verdict.model) return verdict.problem;
    count(verdict);
    if (std::string problem = test::find_problem(client.db()); !problem.empty()) return problem;
    history_.begin(history_.next_write());
    history_.found(std::move(*verdict.model));
    if (Status status = client.write(Durability::kDurable); !status.ok()) {
      return status.to_string();
    }
    client.close();
    return {};
  }

 private:
  [[nodiscard]] Client make_client(std::uint64_t seed, unsigned durable_percent) {
    os::set_crash_point_visitor(test::visit_and_die);
    return {history_, {path_, memtable_size_, durable_percent}, seed};
  }

  // Until it is killed; the journal has an end.
  int work(std::uint64_t seed, std::int64_t visits) {
    ::signal(SIGBUS, SIG_DFL);  // no last words of those whose disk is gone
    static constexpr unsigned kDurablePercent[] = {0, 1, 10, 40};
    Client client = make_client(seed, kDurablePercent[seed % 4]);
    test::visits_to_live.store(visits);
    const std::uint64_t end = history_.first_write() + kWritesMax;
    while (history_.next_write() < end) client.act();
    for (;;) ::pause();
  }

  [[nodiscard]] History::Verdict judge(Db& db) const {
    std::map<std::string, std::string> found;
    std::string problem = test::read_all(db, found);
    if (!problem.empty()) return {std::nullopt, std::move(problem)};
    return history_.judge(found, cut_);
  }

  void count(const History::Verdict& verdict) {
    counts_.required.fetch_add(verdict.required);
    counts_.survived.fetch_add(verdict.survived);
    if (verdict.survived < history_.commits()) counts_.losing.fetch_add(1);
  }

  const test::LoopDisk& disk_;
  std::string path_;
  Random random_;
  Counts& counts_;
  History history_{test::kValueSeed};
  std::size_t memtable_size_;
  History::Cut cut_;
};

struct Kind {
  const char* name;
  const char* mkfs;
  const char* type;
};
// The log is written in another way where blocks can be shared.
constexpr Kind kExt4{"ext4", "mkfs.ext4 -q -F", "ext4"};
constexpr Kind kXfs{"XFS", "mkfs.xfs -q -m reflink=1", "xfs"};
constexpr Kind kXfsWithoutReflink{"XFS without reflink", "mkfs.xfs -q -m reflink=0", "xfs"};

void run(const std::string& directory, const Kind& kind, std::uint64_t seed, std::uint64_t cuts,
         Counts& counts) {
  const struct rlimit none {};
  ::setrlimit(RLIMIT_CORE, &none);  // a store into a file whose disk is gone is deadly
  const test::LoopDisk disk(directory, kind.mkfs, kind.type);
  if (!disk.missing().empty()) {
    std::snprintf(counts.missing, sizeof counts.missing, "%s", disk.missing().c_str());
    return;
  }
  Machine machine(disk, seed, counts);
  for (std::uint64_t i = 0; i < cuts; ++i) {
    std::string problem = machine.live();
    if (problem.empty()) problem = machine.look();
    if (problem.empty()) continue;
    problem = "cut " + std::to_string(i + 1) + ": " + problem;
    std::snprintf(counts.problem, sizeof counts.problem, "%s", problem.c_str());
    return;
  }
}

void cut_power_of(const Kind& kind, std::uint64_t cuts) {
  const std::uint64_t seed = test::random_seed();
  const test::TemporaryDirectory directory(test::Where::kMemory);
  test::SharedValue<Counts> counts;
  const pid_t self = ::getpid();
  test::ChildProcess child([&] {
    test::die_with(self);
    run(directory.path(), kind, seed, cuts, *counts);
    return 0;
  });
  const int status = child.wait();
  ASSERT_TRUE(test::exited_with(status, 0)) << status << " after " << counts->cuts << " cuts";
  if (counts->missing[0] != 0) {
    std::printf("not tried: it takes root, loop devices and %s (%s)\n", kind.name, counts->missing);
    return;
  }
  const auto number = [](const std::atomic<std::uint64_t>& count) {
    return static_cast<unsigned long long>(count.load());
  };
  std::printf(
      "%8llu power cuts of %s under writers, %llu of them lost commits\n"
      "%8llu commits, %llu of them said to be durable, %llu survived\n"
      "%8llu processes killed before\n",
      number(counts->cuts), kind.name, number(counts->losing), number(counts->commits),
      number(counts->required), number(counts->survived), number(counts->kills));
  ASSERT_STREQ(counts->problem, "");
  EXPECT_EQ(counts->cuts.load(), cuts);
  EXPECT_GE(counts->losing.load(), cuts / 5);
  EXPECT_GE(counts->required.load(), cuts * 10);
}

std::uint64_t cuts_of_each() {
  const char* const given = std::getenv("TIDELOCK_SHUTDOWNS");
  return given == nullptr ? kCuts : std::strtoull(given, nullptr, 10);
}

TEST(Shutdown, OfExt4KeepsWhatWasDurable) {
  cut_power_of(kExt4, cuts_of_each());
}

TEST(Shutdown, OfXfsKeepsWhatWasDurable) {
  cut_power_of(kXfs, cuts_of_each() / 2);
}

TEST(Shutdown, OfXfsWithoutReflinkKeepsWhatWasDurable) {
  cut_power_of(kXfsWithoutReflink, cuts_of_each() / 2);
}

}  // namespace
}  // namespace tidelock
