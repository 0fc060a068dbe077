// Cuts the power under several processes: records what they do to the files, builds what a disk may
// hold after a cut at a random moment, opens that, and cuts the power again in the recovery.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "os/crash_point.h"
#include "power/client.h"
#include "power/disk.h"
#include "power/history.h"
#include "power/recorder.h"
#include "state/layout.h"
#include "support/child_process.h"
#include "support/seed.h"
#include "support/shared_value.h"
#include "support/temporary_directory.h"
#include "tidelock/db.h"

namespace tidelock {
namespace {

namespace fs = std::filesystem;
using os::SystemCall;
using test::CrashState;
using test::History;
using Random = std::mt19937_64;

constexpr int kWorkers = 2;
constexpr std::uint64_t kValueSeed = 1;
constexpr std::size_t kCutsOfARun = 80;
constexpr std::size_t kCutsOfARecovery = 3;
constexpr std::uint64_t kStates = 1'000;  // TIDELOCK_CUTS: how many states are opened at least

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const given = std::getenv(variable);
  return given == nullptr ? otherwise : std::strtoull(given, nullptr, 10);
}

// What was exercised, counted by all workers.
struct Totals {
  std::atomic<std::uint64_t> states{0};
  std::atomic<std::uint64_t> in_recovery{0};  // of them: cut in the recovery from a cut
  std::atomic<std::uint64_t> read_only{0};
  std::atomic<std::uint64_t> lost_directory{0};
  std::atomic<std::uint64_t> lost_sectors{0};
  std::atomic<std::uint64_t> old_lengths{0};
  std::atomic<std::uint64_t> old_names{0};
  std::atomic<std::uint64_t> beyond{0};  // held commits that nobody had called durable
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> kills{0};
  std::atomic<std::uint64_t> faults{0};
  std::atomic_flag failed;
  char failure[4096] = {};
};

struct Plan {
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

int run_client(History& history, const std::string& path, const Plan& plan, int session,
               Random random, Totals& totals) {
  test::Faults faults(plan.faults, plan.kills, random(), totals.faults);
  const test::Recorder recorder(history.recording(), path, std::ref(faults));
  os::set_crash_point_visitor(test::visit_and_die);
  test::Client client(history, path, plan.durable_percent[session > 0], random());
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

// Some time later, some of the files are there that this boot cannot use. What they hold matters
// not, so they may hold anything.
class LeftOver {
 public:
  // While the database's processes were still at work.
  explicit LeftOver(const std::string& directory) {
    for (const char* name : {"STATE", "QUEUE"}) {
      std::ifstream stream(directory + "/" + name, std::ios::binary);
      const std::string text((std::istreambuf_iterator<char>(stream)), {});
      const auto bytes = std::as_bytes(std::span(text));
      files_[name].assign(bytes.begin(), bytes.end());
    }
    test::Bytes& state = files_["STATE"];
    if (state.size() >= sizeof(state::Header)) {
      reinterpret_cast<state::Header*>(state.data())->boot ^= 1;
    }
  }

  void add_to(CrashState& state, Random& random) const {
    for (const std::string& name : state.shared) {
      test::Bytes bytes(4096);
      if (const auto known = files_.find(name); known != files_.end()) bytes = known->second;
      switch (random() % 4) {
        case 0:
          continue;  // not there
        case 1:
          for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
          break;
        case 2:  // torn
          for (std::size_t at = 0; at + 512 <= bytes.size(); at += 512) {
            if (random() % 2 == 0) std::fill_n(bytes.begin() + at, 512, std::byte{});
          }
          break;
        default:
          break;
      }
      if (random() % 8 == 0) bytes.resize(random() % (bytes.size() + 1));
      state.files[name] = std::make_shared<const test::Bytes>(std::move(bytes));
    }
  }

 private:
  std::map<std::string, test::Bytes> files_;
};

// Moments at which to cut the power: anywhere, or close to something that is not an append.
std::vector<std::uint64_t> random_cuts(History& history, std::size_t count, Random& random) {
  const std::uint64_t end = history.recording().tick();
  std::vector<const test::Operation*> marks;
  for (const test::Operation& operation : history.recording().operations()) {
    const bool append =
        operation.call == SystemCall::kStore || operation.call == SystemCall::kWrite;
    const bool opening = operation.call == SystemCall::kOpen && !operation.created;
    if (!append && !opening) marks.push_back(&operation);
  }
  std::vector<std::uint64_t> cuts(count);
  for (std::uint64_t& cut : cuts) {
    cut = 1 + random() % end;
    if (marks.empty() || random() % 2 == 0) continue;
    const test::Operation& mark = *marks[random() % marks.size()];
    const std::uint64_t done = mark.end.load();
    const std::uint64_t at =
        done == test::Operation::kNever || random() % 2 == 0 ? mark.begin : done;
    cut = std::min(end, at + random() % 3);
  }
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

// What hinders it.
std::string read_all(Db& db, std::map<std::string, std::string>& found) {
  Result<Iterator> entry = db.iterate();
  if (!entry) return "iterate: " + entry.status().to_string();
  for (entry->seek_first(); entry->valid(); entry->next()) {
    found.emplace(entry->key(), entry->value());
  }
  return entry->status().ok() ? "" : "iterate: " + entry->status().to_string();
}

// Opens crash states, and those of each recovery from one.
class Examiner {
 public:
  // `depth`: how many cuts one after another.
  Examiner(std::string scratch, std::uint64_t seed, std::size_t depth, Totals& totals)
      : scratch_(std::move(scratch)), random_(seed), totals_(totals) {
    for (std::size_t i = 0; i < depth; ++i) lives_.push_back(std::make_unique<History>(kValueSeed));
    os::set_crash_point_visitor(History::visit);
  }

  // Of a life that began with `start` on disk: all of these cuts, which ascend.
  void examine_cuts(const History& life, const test::Image& start, const LeftOver& left_over,
                    const std::vector<std::uint64_t>& cuts, std::size_t depth = 0) {
    test::Disk disk(start, life.recording().operations());
    for (const std::uint64_t cut : cuts) {
      if (totals_.failed.test()) return;
      disk.run_until(cut);
      CrashState state = disk.cut(random_);
      left_over.add_to(state, random_);
      note(state, depth);
      examine(life, cut, state, left_over, depth);
    }
  }

 private:
  void note(const CrashState& state, std::size_t depth) {
    totals_.states.fetch_add(1);
    if (depth > 0) totals_.in_recovery.fetch_add(1);
    if (!state.directory) totals_.lost_directory.fetch_add(1);
    if (state.damage.sectors > 0) totals_.lost_sectors.fetch_add(1);
    if (state.damage.sizes > 0) totals_.old_lengths.fetch_add(1);
    if (state.damage.names > 0) totals_.old_names.fetch_add(1);
  }

  // Reads it only, or goes on with it, or cuts the power again while it is recovered and written.
  void examine(const History& life, std::uint64_t cut, const CrashState& state,
               const LeftOver& left_over, std::size_t depth) {
    const std::string path = scratch_ + "/db";
    test::make_directory_of(state, path);
    History& next = *lives_[depth];
    next.begin(life.next_write());
    const std::uint64_t how = random_() % 3;
    const bool again = how == 0 && depth + 1 < lives_.size();
    std::string problem;
    if (how == 1) {
      problem = read_only(path, state, life, cut);
    } else {
      std::optional<test::Recorder> recorder;
      if (again) recorder.emplace(next.recording(), path);
      problem = live_on(path, state, life, cut, next);
    }
    fs::remove_all(path);
    if (!problem.empty()) {
      return report(life, state,
                    "cut " + std::to_string(depth + 1) + " at " + std::to_string(cut) +
                        (how == 1 ? ", read: " : ": ") + problem);
    }
    if (!again) return;
    examine_cuts(next, state.files, left_over, random_cuts(next, kCutsOfARecovery, random_),
                 depth + 1);
  }

  std::string read_only(const std::string& path, const CrashState& state, const History& life,
                        std::uint64_t cut) {
    totals_.read_only.fetch_add(1);
    Options reading;
    reading.access = Access::kReadOnly;
    Result<Db> db = Db::open(path, reading);
    if (db) return look(*db, life, cut, nullptr);
    const bool none =
        db.error().code() == StatusCode::kNotFound && !state.files.contains("CURRENT");
    if (!none && !taken_back(life, state, cut)) {
      return "open: " + db.error().to_string();
    }
    return life.judge({}, cut).problem;
  }

  // Whether a creation that failed was being taken back: CURRENT goes first then, and what is left
  // without it is refused until it is destroyed.
  static bool taken_back(const History& life, const CrashState& state, std::uint64_t cut) {
    if (state.files.contains("CURRENT")) return false;
    const auto operations = life.recording().operations();
    return std::any_of(operations.begin(), operations.end(), [cut](const auto& operation) {
      return operation.call == SystemCall::kUnlink && operation.begin < cut &&
             operation.name == std::string_view("CURRENT");
    });
  }

  // The life after the cut: what is wrong with it.
  std::string live_on(const std::string& path, const CrashState& state, const History& life,
                      std::uint64_t cut, History& next) {
    if (taken_back(life, state, cut)) (void)Db::destroy(path);
    test::Client client(next, path, 25, random_());
    if (Status status = client.open(); !status.ok()) return "open: " + status.to_string();
    std::string problem = look(client.db(), life, cut, &next);
    if (!problem.empty()) return problem;
    const Result<CheckReport> report = client.db().check();
    if (!report) return "check: " + report.status().to_string();
    if (!report->problems.empty()) return "check: " + report->problems.front();
    for (std::uint64_t i = random_() % 10; i > 0; --i) client.act();
    if (Status status = client.open_again(); !status.ok())
      return "open again: " + status.to_string();
    if (Status status = client.write(Durability::kDurable); !status.ok()) return status.to_string();
    client.close();
    return {};
  }

  std::string look(Db& db, const History& life, std::uint64_t cut, History* next) {
    std::map<std::string, std::string> found;
    if (std::string problem = read_all(db, found); !problem.empty()) return problem;
    History::Verdict verdict = life.judge(found, cut);
    if (!verdict.model) return verdict.problem;
    if (!verdict.exact) totals_.beyond.fetch_add(1);
    if (next != nullptr) next->found(std::move(*verdict.model));
    return {};
  }

  void report(const History& life, const CrashState& state, const std::string& problem) {
    if (totals_.failed.test_and_set()) return;
    std::snprintf(totals_.failure, sizeof totals_.failure, "%s", problem.c_str());
    const char* const keep = std::getenv("TIDELOCK_KEEP");
    if (keep == nullptr) return;
    test::make_directory_of(state, keep);
    std::ofstream account(std::string(keep) + ".txt");
    account << problem << "\n";
    for (const test::Operation& operation : life.recording().operations()) {
      account << test::to_text(operation) << "\n";
    }
  }

  std::string scratch_;
  Random random_;
  Totals& totals_;
  std::vector<std::unique_ptr<History>> lives_;
};

void print(const Totals& totals) {
  const auto show = [](const std::atomic<std::uint64_t>& count, const char* what) {
    std::printf("%8llu %s\n", static_cast<unsigned long long>(count.load()), what);
  };
  show(totals.states, "crash states opened");
  show(totals.in_recovery, "of them after a cut while another was recovered from");
  show(totals.read_only, "of them only to read");
  show(totals.lost_sectors, "lacked sectors, in all or in part");
  show(totals.old_lengths, "had files of an older length");
  show(totals.old_names, "lacked changes of the directory");
  show(totals.lost_directory, "lacked the directory");
  show(totals.beyond, "held more than was promised");
  show(totals.commits, "commits recorded");
  show(totals.kills, "processes killed");
  show(totals.faults, "system calls failed");
}

// And has it rebuilt from manifest and logs, which are not on disk yet.
void lose_the_shared_state(History& history, const std::string& path) {
  fs::remove(path + "/STATE");
  test::ChildProcess child([&] {
    const test::Recorder recorder(history.recording(), path);
    Result<Db> db = Db::open(path, test::client_options(Background::kNone));
    if (!db) return 1;
    const auto last = db->get("last");
    if (last && *last) history.take_up(std::strtoull((*last)->c_str(), nullptr, 10));
    return 0;
  });
  child.wait();
}

// One run and its cuts.
void run_and_cut(const Plan& plan, std::size_t depth, Random& random, Totals& totals) {
  const test::TemporaryDirectory directory(test::Where::kMemory);
  const std::string path = directory.file("db");
  History history(kValueSeed);
  history.begin(1);
  for (int session = 0; session < plan.sessions; ++session) {
    if (session > 0 && plan.forget) lose_the_shared_state(history, path);
    std::vector<test::ChildProcess> clients;
    for (int i = 0; i < plan.clients; ++i) {
      clients.emplace_back([&, session, seed = random()] {
        return run_client(history, path, plan, session, Random(seed), totals);
      });
    }
    for (test::ChildProcess& client : clients) {
      const int status = client.wait();
      if (test::killed_by(status, SIGKILL)) {
        totals.kills.fetch_add(1);
      } else {
        ASSERT_TRUE(test::exited_with(status, 0)) << status;
      }
    }
  }
  totals.commits.fetch_add(history.commits());
  const LeftOver left_over(path);
  const std::vector<std::uint64_t> cuts = random_cuts(history, kCutsOfARun, random);
  std::vector<test::ChildProcess> workers;
  for (std::size_t i = 0; i < kWorkers; ++i) {
    std::vector<std::uint64_t> mine;
    for (std::size_t at = i; at < cuts.size(); at += kWorkers) mine.push_back(cuts[at]);
    const std::string scratch = directory.file(std::to_string(i));
    fs::create_directory(scratch);
    workers.emplace_back([&, mine, scratch, seed = random()] {
      Examiner(scratch, seed, depth, totals).examine_cuts(history, {}, left_over, mine);
      return 0;
    });
  }
  for (test::ChildProcess& worker : workers) {
    const int status = worker.wait();
    ASSERT_TRUE(test::exited_with(status, 0)) << "opening a crash state ended with " << status;
  }
}

// Each kind of run comes up in turn.
Plan random_plan(std::uint64_t run, Random& random) {
  static constexpr unsigned kDurablePercent[] = {0, 1, 5, 25};
  Plan plan;
  plan.clients = 1 + static_cast<int>(random() % 4);
  plan.sessions = 1 + static_cast<int>(random() % 2);
  plan.forget = random() % 2 == 0;
  plan.writes = 20 + static_cast<int>(random() % 200) / plan.clients;
  for (unsigned& percent : plan.durable_percent) percent = kDurablePercent[random() % 4];
  plan.kills = run % 4 == 1 || run % 4 == 3;
  plan.faults = run % 4 >= 2;
  if (plan.kills && plan.faults) plan.sessions = 2;  // the second one does not know of the first
  return plan;
}

TEST(PowerCut, LeavesAPrefixWithAllThatWasDurable) {
  const std::uint64_t seed = test::random_seed();
  const std::uint64_t states = number_from("TIDELOCK_CUTS", kStates);
  const std::size_t depth = number_from("TIDELOCK_CUT_DEPTH", 2);
  Random random(seed);
  test::SharedValue<Totals> totals;
  for (std::uint64_t run = 0; run < 4 || totals->states.load() < states; ++run) {
    const Plan plan = random_plan(run, random);
    ASSERT_NO_FATAL_FAILURE(run_and_cut(plan, depth, random, *totals));
    ASSERT_FALSE(totals->failed.test())
        << "run " << run << ": " << totals->failure << " (" << plan.clients << " clients, "
        << plan.sessions << " sessions, " << plan.durable_percent[0] << " and "
        << plan.durable_percent[1] << " % durable" << (plan.forget ? ", state lost" : "")
        << (plan.kills ? ", kills" : "") << (plan.faults ? ", faults" : "") << ")";
  }
  print(*totals);
  EXPECT_GE(totals->states.load(), states);
  // Far less than it is; each says that something is no longer exercised.
  for (const auto* count : {&totals->in_recovery, &totals->read_only, &totals->lost_sectors,
                            &totals->old_lengths, &totals->old_names}) {
    EXPECT_GE(count->load(), states / 10);
  }
  EXPECT_GE(totals->beyond.load(), states / 20);
  EXPECT_GE(totals->kills.load(), 1U);
  EXPECT_GE(totals->faults.load(), 1U);
}

// It comes back whole, or says that it is not; never without some of its files.
TEST(PowerCut, BringsADatabaseBackThatWasBeingDestroyedOrDoesNot) {
  Random random(test::random_seed());
  const test::TemporaryDirectory directory(test::Where::kMemory);
  const std::string path = directory.file("db");
  History history(kValueSeed);
  history.begin(1);
  std::uint64_t begun = 0;
  {
    const test::Recorder recorder(history.recording(), path);
    os::set_crash_point_visitor(History::visit);
    test::Client client(history, path, 50, random());
    for (int i = 0; i < 100; ++i) client.act();
    client.close();
    begun = history.recording().tick();
    ASSERT_TRUE(Db::destroy(path).ok());
  }
  const std::uint64_t end = history.recording().tick();
  int whole = 0;
  for (int i = 0; i < 100; ++i) {
    test::Disk disk({}, history.recording().operations());
    disk.run_until(begun + random() % (end - begun + 1));
    const CrashState state = disk.cut(random);
    test::make_directory_of(state, path);
    Options options;
    options.access = Access::kReadOnly;
    Result<Db> db = Db::open(path, options);
    EXPECT_EQ(db.has_value(), state.files.contains("CURRENT")) << db.status().to_string();
    if (db) {
      std::map<std::string, std::string> found;
      EXPECT_EQ(read_all(*db, found), "");
      EXPECT_EQ(history.judge(found, end).problem, "");
      ++whole;
    }
    fs::remove_all(path);
  }
  EXPECT_GT(whole, 0);
  EXPECT_LT(whole, 100);
}

}  // namespace
}  // namespace tidelock
