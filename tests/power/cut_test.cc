// Cuts the power under several processes: records what they do to the files, builds what a disk may
// hold after a cut at a random moment, opens that, and cuts the power again in the recovery.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "os/crash_point.h"
#include "power/client.h"
#include "power/disk.h"
#include "power/examiner.h"
#include "power/history.h"
#include "power/left_over.h"
#include "power/recorder.h"
#include "support/child_process.h"
#include "support/random.h"
#include "support/seed.h"
#include "support/shared_value.h"
#include "support/temporary_directory.h"
#include "tidelock/db.h"

namespace tidelock {
namespace {

namespace fs = std::filesystem;
using test::Examiner;
using test::History;
using test::Random;
using test::Totals;

constexpr std::size_t kWorkersMax = 64;
constexpr std::size_t kCutsOfARun = 60;
// TIDELOCK_CUTS: how many states are opened at least.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kStates = 2'000;
#else
constexpr std::uint64_t kStates = 20'000;
#endif

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const given = std::getenv(variable);
  return given == nullptr ? otherwise : std::strtoull(given, nullptr, 10);
}

struct Plan {
  std::size_t memtable_size = 0;
  int clients = 1;
  int writes = 100;     // of each client
  int sessions = 1;     // one after another, without a reboot in between...
  bool forget = false;  // ... but with the loss of the shared state
  // Of the writes, in the first session and in later ones; with 0, there is no other sync on
  // request either.
  unsigned durable_percent[2] = {25, 25};
  bool kills = false;
  bool faults = false;
};

std::string to_text(const Plan& plan) {
  return std::to_string(plan.clients) + " clients, " + std::to_string(plan.sessions) +
         " sessions, " + std::to_string(plan.durable_percent[0]) + " and " +
         std::to_string(plan.durable_percent[1]) + " % durable, memtables of " +
         std::to_string(plan.memtable_size >> 10) + " KiB" + (plan.forget ? ", state lost" : "") +
         (plan.kills ? ", kills" : "") + (plan.faults ? ", faults" : "");
}

// Each kind of run comes up in turn.
Plan random_plan(std::uint64_t run, Random& random) {
  static constexpr unsigned kDurablePercent[] = {0, 1, 5, 25};
  static constexpr std::size_t kMemtableKib[] = {64, 64, 128, 256};
  Plan plan;
  plan.memtable_size = kMemtableKib[random() % 4] << 10;
  plan.clients = 1 + static_cast<int>(random() % 4);
  plan.sessions = 1 + static_cast<int>(random() % 2);
  plan.writes = 20 + static_cast<int>(random() % 200) / plan.clients;
  for (unsigned& percent : plan.durable_percent) percent = kDurablePercent[random() % 4];
  plan.kills = run % 4 == 1 || run % 4 == 3;
  plan.faults = run % 4 >= 2;
  plan.forget = random() % (plan.kills ? 4 : 2) != 0;
  if (plan.kills) plan.sessions = 2;  // the second one does not know of the first
  return plan;
}

// Makes runs and cuts them until there are states enough.
class Worker {
 public:
  Worker(Totals& totals, const Examiner::Setting& setting)
      : totals_(totals), path_(setting.scratch + "/run"), examiner_(totals, setting) {}

  void work(std::uint64_t seed, std::uint64_t states) {
    for (;;) {
      const std::uint64_t run = totals_.next_run.fetch_add(1);
      if (totals_.failed.test() || (run >= 4 && totals_.states.load() >= states)) return;
      totals_.runs.fetch_add(1);
      Random random(seed + run);
      const Plan plan = random_plan(run, random);
      const std::string problem = record(plan, random);
      if (!problem.empty()) totals_.fail(problem + " (" + to_text(plan) + ")");
      totals_.commits.fetch_add(history_.commits());
      const test::LeftOver left_over(path_, random);
      fs::remove_all(path_);
      examiner_.examine_cuts({history_, {}, left_over, plan.memtable_size},
                             test::random_cuts(history_.recording(), kCutsOfARun, random), random);
    }
  }

 private:
  // What went wrong.
  std::string record(const Plan& plan, Random& random) {
    history_.begin(1);
    history_.found({});
    for (int session = 0; session < plan.sessions; ++session) {
      if (session > 0 && plan.forget) {
        const int status = lose_the_shared_state(plan, random() % 2 == 0);
        if (!test::exited_with(status, 0)) {
          return "a rebuild ended with status " + std::to_string(status);
        }
      }
      std::vector<test::ChildProcess> clients;
      for (int i = 0; i < plan.clients; ++i) {
        clients.emplace_back([&, session, self = ::getpid(), seed = random()] {
          test::die_with(self);
          return run_client(plan, session, Random(seed));
        });
      }
      for (test::ChildProcess& client : clients) {
        const int status = client.wait();
        if (test::killed_by(status, SIGKILL)) {
          totals_.kills.fetch_add(1);
        } else if (!test::exited_with(status, 0)) {
          return "a process ended with status " + std::to_string(status);
        }
      }
    }
    return {};
  }

  int run_client(const Plan& plan, int session, Random random) {
    test::Faults faults(plan.faults, plan.kills, random(), totals_.faults);
    const test::Recorder recorder(history_.recording(), path_, std::ref(faults));
    os::set_crash_point_visitor(test::visit_and_die);
    test::Client client(history_, {path_, plan.memtable_size, plan.durable_percent[session > 0]},
                        random());
    for (int i = 0; !client.open().ok();) {
      if (++i == 20) return plan.faults ? 0 : 1;
    }
    const int last_act =
        plan.kills && !plan.faults ? static_cast<int>(random() % (plan.writes / 2)) : plan.writes;
    for (int i = 0; i < plan.writes; ++i) {
      if (i == last_act) test::visits_to_live.store(1 + static_cast<std::int64_t>(random() % 20));
      client.act();
    }
    client.close();
    return 0;
  }

  // And has it rebuilt from manifest and logs, which are not on disk yet. It may die before it
  // makes tables of these: then all that has been said is what the rebuild said. Its status.
  int lose_the_shared_state(const Plan& plan, bool die) {
    fs::remove(path_ + "/STATE");
    test::ChildProcess child([&] {
      const test::Recorder recorder(history_.recording(), path_);
      test::Client client(history_, {path_, plan.memtable_size, 0}, 0);
      if (!client.open().ok()) return 1;
      const auto last = client.db().get("last");
      if (last && *last) history_.take_up(std::strtoull((*last)->c_str(), nullptr, 10));
      client.read_durable();
      if (die) ::_exit(0);
      return 0;
    });
    return child.wait();
  }

  Totals& totals_;
  std::string path_;
  History history_{test::kValueSeed};
  Examiner examiner_;
};

struct Account {
  Totals totals;
  char under_way[kWorkersMax][Examiner::kNoteSize] = {};
};

// As many workers as processors.
void cut_power(Account& account, std::uint64_t seed, std::uint64_t states, std::size_t depth) {
  const std::size_t count = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 64);
  const test::TemporaryDirectory directory(test::Where::kMemory);
  std::vector<test::ChildProcess> workers;
  for (std::size_t i = 0; i < count; ++i) {
    const Examiner::Setting setting{directory.file(std::to_string(i)), depth, account.under_way[i]};
    fs::create_directory(setting.scratch);
    workers.emplace_back([&account, setting, self = ::getpid(), seed, states] {
      test::die_with(self);
      Worker(account.totals, setting).work(seed, states);
      return 0;
    });
  }
  for (std::size_t i = 0; i < count; ++i) {
    const int status = workers[i].wait();
    if (test::exited_with(status, 0)) continue;
    account.totals.fail("status " + std::to_string(status) + " ended a process at " +
                        account.under_way[i]);
    const char* const keep = std::getenv("TIDELOCK_KEEP");
    const fs::path left = directory.file(std::to_string(i)) + "/db";
    if (keep != nullptr && fs::exists(left)) fs::copy(left, keep);
  }
}

void print(const Totals& totals) {
  const auto show = [](const std::atomic<std::uint64_t>& count, const char* what) {
    std::printf("%8llu %s\n", static_cast<unsigned long long>(count.load()), what);
  };
  show(totals.states, "crash states opened");
  show(totals.in_recovery, "of them after a cut while another was recovered from");
  show(totals.read_only, "of them only to read");
  show(totals.recorded, "of them to be cut again");
  show(totals.lost_sectors, "lacked sectors, in all or in part");
  show(totals.old_lengths, "had files of an older length");
  show(totals.old_names, "lacked changes of the directory");
  show(totals.lost_directory, "lacked the directory");
  show(totals.beyond, "held more than was promised");
  show(totals.runs, "runs");
  show(totals.commits, "commits recorded");
  show(totals.kills, "processes killed");
  show(totals.faults, "system calls failed");
}

TEST(PowerCut, LeavesAPrefixWithAllThatWasDurable) {
  const std::uint64_t states = number_from("TIDELOCK_CUTS", kStates);
  test::SharedValue<Account> account;
  cut_power(*account, test::random_seed(), states, number_from("TIDELOCK_CUT_DEPTH", 2));
  const Totals& totals = account->totals;
  print(totals);
  ASSERT_FALSE(totals.failed.test()) << totals.failure;
  EXPECT_GE(totals.states.load(), states);
  // About half of what it is; each says that something is no longer exercised.
  for (const auto* count : {&totals.in_recovery, &totals.old_names, &totals.beyond}) {
    EXPECT_GE(count->load(), states / 5);
  }
  EXPECT_GE(totals.lost_sectors.load(), states / 4);
  EXPECT_GE(totals.old_lengths.load(), states / 4);
  EXPECT_GE(totals.read_only.load(), states / 4);
  EXPECT_GE(totals.states.load() - totals.read_only.load(), states / 4);
  EXPECT_GE(totals.recorded.load(), states / 20);
  EXPECT_GE(totals.commits.load(), states * 3 / 4);
  EXPECT_GE(totals.kills.load(), states / 100);
  EXPECT_GE(totals.faults.load(), states / 80);
}

}  // namespace
}  // namespace tidelock
