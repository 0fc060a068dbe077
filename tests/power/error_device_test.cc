// A disk fails under several processes, for real: every write to it yields EIO, or every read, too,
// or every write is lost without a word. Then it is put right, mounted again, and the database in
// it opened. Its home is the guest that tests/power/guest starts.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <ranges>
#include <string>
#include <utility>
#include <vector>

#include "os/clock.h"
#include "os/crash_point.h"
#include "power/client.h"
#include "power/error_disk.h"
#include "power/examiner.h"
#include "power/history.h"
#include "support/child_process.h"
#include "support/comes_true.h"
#include "support/random.h"
#include "support/seed.h"
#include "support/shared_value.h"
#include "support/temporary_directory.h"
#include "tidelock/db.h"

namespace tidelock {
namespace {

using std::chrono::milliseconds;
using test::Client;
using test::ErrorDisk;
using test::History;
using Fate = ErrorDisk::Fate;

constexpr std::size_t kClients = 3;
constexpr std::uint64_t kFailures = 6;      // TIDELOCK_DISK_FAILURES: of each file system and fate
constexpr std::uint64_t kCommitsMax = 150;  // before one
constexpr milliseconds kAfterwards{300};    // how long the clients go on
constexpr int kLooks = 6;                   // at a disk that cannot be read, meanwhile
constexpr milliseconds kPatience{20'000};   // the guest is slow
constexpr std::uint64_t kWritesMax = test::Journal::kWritesMax - 64;

// What the clients of one life tell. Times in ns; 0: not yet.
struct Scene {
  std::atomic<bool> about_to_fail{false};
  std::atomic<bool> failing{false};             // what begins now fails
  std::atomic<bool> cannot_open[kClients];      // nor be told anything else
  std::atomic<std::int64_t> told_at[kClients];  // that a durable write failed
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> believed{0};  // acknowledged, though begun when writes failed
  std::atomic<std::uint64_t> answered{0};  // walks of a new reader: whole ones,
  std::atomic<std::uint64_t> unread{0};    // errors,
  std::atomic<std::uint64_t> wrong{0};     // other states than there were
};

class Machine {
 public:
  Machine(const ErrorDisk& disk, Fate fate, std::uint64_t seed)
      : disk_(disk), fate_(fate), path_(disk.path() + "/db"), random_(seed) {
    history_.begin(1);
  }

  // One failure, and what is found after it: what is wrong.
  std::string live_and_look() {
    std::string problem = live();
    return problem.empty() ? look() : problem;
  }

  void print(const char* type) const {
    const auto number = [](std::uint64_t count) { return static_cast<unsigned long long>(count); };
    if (fate_ == Fate::kWritesGetLost) {
      std::printf("%8llu times %s lost all writes, %llu times commits; ", number(failures_), type,
                  number(lossy_));
    } else {
      std::printf(
          "%8llu times all writes of %s failed; %llu durable ones were refused, all knew\n"
          "         %.1f ms after the first at the latest, %llu died of a page; ",
          number(failures_), type, number(refused_), static_cast<double>(longest_) / 1e6,
          number(dead_));
    }
    if (fate_ == Fate::kAllFails) {
      std::printf("all reads, too:\n         %llu readers failed, %llu read all; ", number(unread_),
                  number(answered_));
    }
    std::printf("%llu commits, %llu had to survive\n", number(commits_), number(required_));
  }
  // A run in which less came of it is none.
  void expect_enough() const {
    EXPECT_GE(required_, failures_);
    if (fate_ == Fate::kWritesGetLost) {
      EXPECT_GE(lossy_, failures_ / 5);
    } else {
      EXPECT_GE(refused_, failures_);
    }
    if (fate_ == Fate::kAllFails) {
      EXPECT_GE(unread_ + dead_, failures_);
    }
  }

 private:
  std::string live() {
    new (&*scene_) Scene();
    const pid_t self = ::getpid();
    const std::uint64_t end = history_.commits() + 20 + random_() % kCommitsMax;
    std::vector<test::ChildProcess> clients;
    for (std::size_t i = 0; i < kClients; ++i) {
      clients.emplace_back([this, self, i, seed = random_()] {
        test::die_with(self);
        return work(i, seed);
      });
    }
    if (!test::comes_true([&] { return history_.commits() >= end; }, kPatience)) {
      return "only " + std::to_string(history_.commits()) + " commits of " + std::to_string(end);
    }
    std::string problem = fail();
    if (problem.empty() && fate_ != Fate::kWritesGetLost) problem = wait_until_told(clients);
    for (int i = 0; i < kLooks; ++i) {
      if (fate_ == Fate::kAllFails) ErrorDisk::drop_caches();
      os::sleep_for(kAfterwards / kLooks);
    }
    if (problem.empty()) problem = look_for_dead(clients);
    clients.clear();
    cut_.to = history_.recording().tick();
    // Whoever was told that a write is durable, even after errors, may rely on it.
    if (fate_ != Fate::kWritesGetLost) cut_.from = cut_.to;
    count();
    return problem.empty() ? disk_.mount_again() : problem;
  }

  std::string fail() {
    cut_.from = history_.recording().tick();
    scene_->about_to_fail.store(true);
    std::string problem = disk_.meet(fate_);
    scene_->failing.store(true);
    return problem;
  }

  void count() {
    ++failures_;
    commits_ += history_.commits();
    refused_ += scene_->refused;
    answered_ += scene_->answered;
    unread_ += scene_->unread;
  }

  // All who live and have it open, that the disk fails.
  std::string wait_until_told(std::vector<test::ChildProcess>& clients) {
    const auto has_heard = [&](std::size_t i) {
      return scene_->told_at[i] != 0 || scene_->cannot_open[i] || clients[i].has_ended();
    };
    const auto all_have = [&] {
      return std::ranges::all_of(std::views::iota(std::size_t{0}, kClients), has_heard);
    };
    if (!test::comes_true(all_have, kPatience)) {
      return "a process was not told within " + std::to_string(kPatience.count()) + " ms";
    }
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    std::int64_t last = 0;
    for (const std::atomic<std::int64_t>& at : scene_->told_at) {
      if (at != 0) first = std::min(first, at.load());
      last = std::max(last, at.load());
    }
    if (last != 0) longest_ = std::max(longest_, last - first);
    return {};
  }

  // Stores into files of a file system that has shut itself down are deadly, and so are pages of a
  // mapped file that cannot be read.
  std::string look_for_dead(std::vector<test::ChildProcess>& clients) {
    for (test::ChildProcess& client : clients) {
      if (!client.has_ended()) continue;
      const int status = client.wait();
      if (fate_ == Fate::kWritesGetLost || !test::killed_by(status, SIGBUS)) {
        return "a process ended with status " + std::to_string(status);
      }
      ++dead_;
    }
    return {};
  }

  std::string look() {
    if (scene_->believed != 0 && fate_ != Fate::kWritesGetLost) {
      return std::to_string(scene_->believed) + " writes were taken for durable";
    }
    if (scene_->wrong != 0) return std::to_string(scene_->wrong) + " readers were told wrong";
    Client client = make_client(random_());
    if (Status status = client.open(); !status.ok()) return status.to_string();
    std::map<std::string, std::string> found;
    if (std::string problem = test::read_all(client.db(), found); !problem.empty()) return problem;
    History::Verdict verdict = history_.judge(found, cut_);
    if (!verdict.model) return verdict.problem;
    required_ += verdict.required;
    lossy_ += verdict.survived < history_.commits() ? 1 : 0;
    if (std::string problem = test::find_problem(client.db()); !problem.empty()) return problem;
    history_.begin(history_.next_write());
    history_.found(std::move(*verdict.model));
    if (Status status = client.write(Durability::kDurable); !status.ok()) {
      return status.to_string();
    }
    client.close();
    return {};
  }

  [[nodiscard]] Client make_client(std::uint64_t seed) {
    os::set_crash_point_visitor(test::visit_and_die);
    return {history_, {path_, std::size_t{128} << 10, 30}, seed};
  }

  // Until it is killed; the journal has an end.
  int work(std::size_t number, std::uint64_t seed) {
    ::signal(SIGBUS, SIG_DFL);  // no last words of the sanitizers
    Client client = make_client(seed);
    const std::uint64_t end = history_.first_write() + kWritesMax;
    for (std::uint64_t turn = 0; history_.next_write() < end;) {
      if (!scene_->about_to_fail.load()) {
        client.act();
        continue;
      }
      write_durably(client, number);
      if (fate_ == Fate::kAllFails && ++turn % 4 == 0) read_anew();
      os::sleep_for(milliseconds(2));
    }
    for (;;) ::pause();
  }

  void write_durably(Client& client, std::size_t number) {
    const bool fails = scene_->failing.load();
    if (!client.open_again().ok()) {
      scene_->cannot_open[number].store(fails);
      return;
    }
    if (client.write(Durability::kDurable).ok()) {
      scene_->believed.fetch_add(fails ? 1 : 0);
      return;
    }
    scene_->refused.fetch_add(1);
    std::int64_t none = 0;
    scene_->told_at[number].compare_exchange_strong(none, os::monotonic_now().count());
  }

  // What a new reader sees, unless it is an error, was there, with all that was acknowledged.
  void read_anew() {
    const std::uint64_t from = history_.recording().tick();
    Options options;
    options.access = Access::kReadOnly;
    Result<Db> db = Db::open(path_, options);
    std::map<std::string, std::string> found;
    if (!db || !test::read_all(*db, found).empty()) {
      scene_->unread.fetch_add(1);
      return;
    }
    const bool right = history_.judge(found, {from, history_.recording().tick()}).model.has_value();
    (right ? scene_->answered : scene_->wrong).fetch_add(1);
  }

  const ErrorDisk& disk_;
  Fate fate_;
  std::string path_;
  test::Random random_;
  History history_{test::kValueSeed};
  History::Cut cut_;
  test::SharedValue<Scene> scene_;
  std::uint64_t failures_ = 0;
  std::uint64_t commits_ = 0;
  std::uint64_t required_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t lossy_ = 0;     // failures that took commits
  std::uint64_t dead_ = 0;      // of SIGBUS
  std::uint64_t answered_ = 0;  // readers
  std::uint64_t unread_ = 0;
  std::int64_t longest_ = 0;
};

void fail(const char* mkfs, const char* type, Fate fate) {
  const char* const device = std::getenv("TIDELOCK_ERROR_DEVICE");
  if (device == nullptr) {
    std::printf("not tried: there is no disk that can be made to fail; see tests/power/guest\n");
    return;
  }
  const char* const given = std::getenv("TIDELOCK_DISK_FAILURES");
  const std::uint64_t failures = given == nullptr ? kFailures : std::strtoull(given, nullptr, 10);
  const test::TemporaryDirectory directory(test::Where::kMemory);
  const ErrorDisk disk(device, directory.path(), mkfs, type);
  ASSERT_EQ(disk.problem(), "");
  Machine machine(disk, fate, test::random_seed());
  for (std::uint64_t i = 1; i <= failures; ++i) {
    ASSERT_EQ(machine.live_and_look(), "") << "failure " << i;
  }
  machine.print(type);
  machine.expect_enough();
}

TEST(ErrorDevice, OfExt4ThatFailsIsNeverTrusted) {
  fail("mkfs.ext4 -q -F", "ext4", Fate::kWritesFail);
}

TEST(ErrorDevice, OfXfsThatFailsIsNeverTrusted) {
  fail("mkfs.xfs -q -f", "xfs", Fate::kWritesFail);
}

TEST(ErrorDevice, OfExt4ThatCannotBeReadGivesNoWrongAnswers) {
  fail("mkfs.ext4 -q -F", "ext4", Fate::kAllFails);
}

TEST(ErrorDevice, OfXfsThatCannotBeReadGivesNoWrongAnswers) {
  fail("mkfs.xfs -q -f", "xfs", Fate::kAllFails);
}

TEST(ErrorDevice, OfExt4ThatLosesWritesLeavesAPrefix) {
  fail("mkfs.ext4 -q -F", "ext4", Fate::kWritesGetLost);
}

TEST(ErrorDevice, OfXfsThatLosesWritesLeavesAPrefix) {
  fail("mkfs.xfs -q -f", "xfs", Fate::kWritesGetLost);
}

}  // namespace
}  // namespace tidelock
