// Kills a process at every named crash point of the database, and lets others go on: one that was
// attached all the time, and one that opens afresh. Which life reaches which point is found out by
// running each life once with a visitor; a point that no life reaches fails the last test.

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "os/crash_point.h"
#include "support/child_process.h"
#include "support/shared_value.h"
#include "support/temporary_directory.h"
#include "tidelock/db.h"

namespace tidelock {
namespace {

namespace fs = std::filesystem;

constexpr int kRounds = 420;
constexpr int kRoundsMax = 4096;
constexpr std::size_t kValueSize = 4000;

// What a client did, kept where its death does not reach.
struct Journal {
  enum class Round : std::uint8_t { kNever, kBegun, kAcknowledged };
  std::atomic<int> begun{0};  // rounds up to here were begun, each once
  std::atomic<Round> rounds[kRoundsMax];
};

struct Visits {
  std::atomic<int> count{0};
  char names[256][40];
};

Visits* visits = nullptr;

void note_visit(const char* name) {
  const int known = visits->count.load();
  for (int i = 0; i < known; ++i) {
    if (std::strcmp(visits->names[i], name) == 0) return;
  }
  std::strncpy(visits->names[known], name, sizeof visits->names[known] - 1);
  visits->count.store(known + 1);
}

Options options(OpenMode mode) {
  Options result;
  result.mode = mode;
  result.background = Background::kNone;  // so that each point is reached on a known thread
  if (mode != OpenMode::kOpen) {
    result.fixed.memtable_size = 1 << 20;
  }
  return result;
}

std::string value_of(int round) {
  std::string value = std::to_string(round) + ":";
  value.resize(kValueSize, static_cast<char>('a' + round % 26));
  return value;
}

std::string key_of(char half, int round) {
  return std::string(1, half) + std::to_string(100000 + round);
}

// Writes the next round: two keys and a counter, together. An acknowledged one is noted as such.
bool write_round(Db& db, Journal& journal, const WriteOptions& how, std::size_t filler = 0) {
  const int round = journal.begun.load();
  Batch batch;
  batch.put(key_of('x', round), value_of(round));
  batch.put(key_of('y', round), value_of(round));
  batch.put("last", std::to_string(round));
  if (filler != 0) batch.put("filler", std::string(filler, 'f'));
  journal.rounds[round].store(Journal::Round::kBegun);
  journal.begun.store(round + 1);
  if (!db.write(batch, how).ok()) return false;
  journal.rounds[round].store(Journal::Round::kAcknowledged);
  return true;
}

bool write_rounds(Db& db, Journal& journal, int until) {
  while (journal.begun.load() < until) {
    WriteOptions how;
    if (journal.begun.load() % 40 == 7) how.durability = Durability::kDurable;
    if (!write_round(db, journal, how)) return false;
  }
  return true;
}

// Each life: what the child does that is to be killed. `prepare` runs before it, unarmed.
struct Life {
  const char* name;
  const char* points;    // only those that begin so
  bool others_attached;  // while it runs
  void (*prepare)(const std::string& path, Journal& journal);
  int (*run)(const std::string& path, Journal& journal);
};

int whole_life(const std::string& path, Journal& journal) {
  Result<Db> db = Db::open(path, options(OpenMode::kCreateIfMissing));
  if (!db) return 2;
  const int begin = journal.begun.load();
  if (!write_rounds(*db, journal, begin + kRounds / 2)) return 3;
  if (!db->flush().ok()) return 4;
  if (!write_rounds(*db, journal, begin + kRounds)) return 5;
  if (!db->compact().ok()) return 6;
  if (!write_rounds(*db, journal, begin + kRounds + 20)) return 7;
  if (!db->sync().ok()) return 8;
  return db->close().ok() ? 0 : 9;
}

int short_life(const std::string& path, Journal& journal) {
  Result<Db> db = Db::open(path, options(OpenMode::kOpen));
  if (!db) return 2;
  if (!write_rounds(*db, journal, journal.begun.load() + 20)) return 3;
  return db->close().ok() ? 0 : 4;
}

int durable_life(const std::string& path, Journal& journal) {
  Result<Db> db = Db::open(path, options(OpenMode::kOpen));
  if (!db) return 2;
  for (int i = 0; i < 3; ++i) {
    if (!write_round(*db, journal, {.durability = Durability::kDurable, .wait = {}})) return 3;
  }
  return db->close().ok() ? 0 : 4;
}

void kill_at(const char* point, std::uint64_t nth, const std::string& path, Journal& journal,
             int (*run)(const std::string&, Journal&)) {
  test::ChildProcess child([&] {
    os::arm_crash_point(point, nth, SIGKILL);
    return run(path, journal);
  });
  ASSERT_TRUE(test::killed_by(child.wait(), SIGKILL)) << point;
}

void nothing(const std::string&, Journal&) {}

void a_small_database(const std::string& path, Journal& journal) {
  Db db = std::move(Db::open(path, options(OpenMode::kCreateIfMissing))).value();
  ASSERT_TRUE(write_rounds(db, journal, 10));
  ASSERT_TRUE(db.close().ok());
}

void a_writer_that_died_in_a_commit(const std::string& path, Journal& journal) {
  a_small_database(path, journal);
  kill_at("commit.published", 5, path, journal, short_life);
}

// Each death inside the same half-applied batch takes room from the arena and gives none back.
void writers_that_died_in_one_redo(const std::string& path, Journal& journal) {
  a_small_database(path, journal);
  const auto big_write = [](const std::string& where, Journal& j) {
    Result<Db> db = Db::open(where, options(OpenMode::kOpen));
    if (!db) return 2;
    if (!write_round(*db, j, {}, 150'000)) return 3;
    return 0;
  };
  kill_at("commit.published", 1, path, journal, big_write);
  for (int i = 0; i < 7; ++i) {
    test::ChildProcess child([&] {
      os::arm_crash_point("memtable.entry_filled", i == 0 ? 4 : 1, SIGKILL);
      return short_life(path, journal);
    });
    child.wait();
  }
}

void a_sync_leader_that_died(const std::string& path, Journal& journal) {
  a_small_database(path, journal);
  kill_at("sync.leading", 1, path, journal, durable_life);
}

void lose_the_shared_state(const std::string& path, Journal& journal) {
  test::ChildProcess child([&] {
    Result<Db> db = Db::open(path, options(OpenMode::kCreateIfMissing));
    if (!db || !write_rounds(*db, journal, journal.begun.load() + kRounds / 2)) return 1;
    ::raise(SIGKILL);
    return 0;
  });
  ASSERT_TRUE(test::killed_by(child.wait(), SIGKILL));
  fs::remove(path + "/STATE");
  fs::remove(path + "/QUEUE");
}

void left_over_files(const std::string& path, Journal& journal) {
  a_small_database(path, journal);
  std::ofstream(path + "/000900.sst.tmp") << "half a table";
  std::ofstream(path + "/000901.sst") << "a table nobody names";
  std::ofstream(path + "/MANIFEST-000902") << "a manifest nobody names";
}

void many_manifest_edits(const std::string& path, Journal& journal) {
  a_small_database(path, journal);
  kill_at("manifest.appended", 1, path, journal, whole_life);
}

const Life kLives[] = {
    {"a whole life, alone", "", false, nothing, whole_life},
    {"a whole life, beside others", "", true, nothing, whole_life},
    {"after a writer that died", "redo.", true, a_writer_that_died_in_a_commit, short_life},
    {"after writers that died in one redo", "redo.", true, writers_that_died_in_one_redo,
     short_life},
    {"after a sync leader that died", "sync.", true, a_sync_leader_that_died, durable_life},
    {"after a loss of the shared state", "", false, lose_the_shared_state, short_life},
    {"with left-over files", "sweep.", false, left_over_files, short_life},
    {"after a death inside the manifest", "", false, many_manifest_edits, whole_life},
};

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSlow = true;
#else
constexpr bool kSlow = false;
#endif

class CrashPointTest : public testing::TestWithParam<Life> {};

// Every acknowledged round is there; one that a death interrupted, wholly or not at all.
void expect_sound(Db& db, const Journal& journal, const std::string& context) {
  std::optional<std::string> last;
  for (int round = 0; round < journal.begun.load(); ++round) {
    const auto x = db.get(key_of('x', round));
    const auto y = db.get(key_of('y', round));
    ASSERT_TRUE(x.has_value()) << context << x.status().to_string();
    ASSERT_TRUE(y.has_value()) << context << y.status().to_string();
    const bool has_x = x.value() == value_of(round);
    const bool has_y = y.value() == value_of(round);
    ASSERT_TRUE(has_x || !x.value()) << context << "wrong value in round " << round;
    ASSERT_EQ(has_x, has_y) << context << "half of round " << round;
    if (journal.rounds[round].load() == Journal::Round::kAcknowledged) {
      ASSERT_TRUE(has_x) << context << "lost round " << round;
    }
    if (has_x) last = std::to_string(round);
  }
  const auto counter = db.get("last");
  ASSERT_TRUE(counter.has_value()) << context << counter.status().to_string();
  ASSERT_EQ(counter.value(), last) << context;
  const auto report = db.check();
  ASSERT_TRUE(report.has_value()) << context << report.status().to_string();
  for (const std::string& problem : report->problems) ADD_FAILURE() << context << problem;
}

std::set<std::string> points_of(const Life& life) {
  test::SharedValue<Visits> noted;
  const test::TemporaryDirectory directory(test::Where::kMemory);
  test::SharedValue<Journal> journal;
  const std::string path = directory.file("db");
  life.prepare(path, *journal);
  std::optional<Db> other;
  if (life.others_attached) {
    other.emplace(std::move(Db::open(path, options(OpenMode::kCreateIfMissing))).value());
  }
  visits = &*noted;
  test::ChildProcess child([&] {
    os::set_crash_point_visitor(note_visit);
    return life.run(path, *journal);
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 0)) << life.name;
  std::set<std::string> names;
  for (int i = 0; i < noted->count.load(); ++i) names.insert(noted->names[i]);
  return names;
}

std::set<std::string>& reached() {
  static std::set<std::string> names;
  return names;
}

void kill_and_go_on(const Life& life, const std::string& point, std::uint64_t nth) {
  const std::string context =
      std::string(life.name) + ", killed at visit " + std::to_string(nth) + " of " + point + ": ";
  const test::TemporaryDirectory directory(test::Where::kMemory);
  test::SharedValue<Journal> journal;
  const std::string path = directory.file("db");
  life.prepare(path, *journal);
  std::optional<Db> other;
  if (life.others_attached) {
    other.emplace(std::move(Db::open(path, options(OpenMode::kCreateIfMissing))).value());
  }
  test::ChildProcess child([&] {
    os::arm_crash_point(point, nth, SIGKILL);
    return life.run(path, *journal);
  });
  const int status = child.wait();
  if (nth == 1) {
    ASSERT_TRUE(test::killed_by(status, SIGKILL)) << context << status;
  }
  if (other) {
    ASSERT_NO_FATAL_FAILURE(expect_sound(*other, *journal, context));
    const int goal = journal->begun.load() + 30;
    ASSERT_TRUE(write_rounds(*other, *journal, goal)) << context;
    ASSERT_NO_FATAL_FAILURE(expect_sound(*other, *journal, context));
    ASSERT_TRUE(other->close().ok()) << context;
  }
  Result<Db> fresh = Db::open(path, options(OpenMode::kCreateIfMissing));
  ASSERT_TRUE(fresh.has_value()) << context << fresh.status().to_string();
  ASSERT_NO_FATAL_FAILURE(expect_sound(*fresh, *journal, context + "opened afresh: "));
  ASSERT_TRUE(write_rounds(*fresh, *journal, journal->begun.load() + 3)) << context;
  ASSERT_NO_FATAL_FAILURE(expect_sound(*fresh, *journal, context + "opened afresh: "));
}

TEST_P(CrashPointTest, OthersGoOnAfterADeathThere) {
  const Life& life = GetParam();
  for (const std::string& point : points_of(life)) {
    if (!point.starts_with(life.points)) continue;
    reached().insert(point);
    ASSERT_NO_FATAL_FAILURE(kill_and_go_on(life, point, 1));
    if (kSlow) continue;
    ASSERT_NO_FATAL_FAILURE(kill_and_go_on(life, point, 5));
  }
}

INSTANTIATE_TEST_SUITE_P(Lives, CrashPointTest, testing::ValuesIn(kLives),
                         [](const auto& param) { return std::to_string(param.index); });

class DestroyCrashPointTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    a_small_database(path_, *journal_);
    test::ChildProcess child([&] {
      os::arm_crash_point(GetParam(), 1, SIGKILL);
      return Db::destroy(path_).ok() ? 0 : 1;
    });
    ASSERT_TRUE(test::killed_by(child.wait(), SIGKILL));
    reached().insert(GetParam());
  }

  test::TemporaryDirectory directory_{test::Where::kMemory};
  test::SharedValue<Journal> journal_;
  const std::string path_ = directory_.file("db");
};

TEST_P(DestroyCrashPointTest, WhatADeathLeavesIsNoDatabase) {
  Options options;
  options.mode = OpenMode::kOpen;
  EXPECT_EQ(Db::open(path_, options).error().code(), StatusCode::kNotFound);
  options.access = Access::kReadOnly;
  EXPECT_EQ(Db::open(path_, options).error().code(), StatusCode::kNotFound);
  EXPECT_EQ(Db::repair(path_, directory_.file("into")).error().code(), StatusCode::kNotFound);
}

TEST_P(DestroyCrashPointTest, WhoeverCreatesOneFinishesTheDestruction) {
  Options options;
  options.mode = OpenMode::kCreateIfMissing;
  Result<Db> db = Db::open(path_, options);
  ASSERT_TRUE(db) << db.error().to_string();
  Result<Iterator> at = db->iterate();
  ASSERT_TRUE(at);
  at->seek_first();
  EXPECT_FALSE(at->valid());
  EXPECT_FALSE(fs::exists(path_ + "/DESTROYED"));
}

TEST_P(DestroyCrashPointTest, WhatADeathLeavesCanBeDestroyedAgain) {
  if (fs::exists(path_ + "/DESTROYED")) fs::remove(path_ + "/LOCK");
  EXPECT_TRUE(Db::destroy(path_).ok());
  EXPECT_FALSE(fs::exists(path_));
}

INSTANTIATE_TEST_SUITE_P(Points, DestroyCrashPointTest,
                         testing::Values("destroy.renamed", "destroy.removing",
                                         "destroy.forgotten"),
                         [](const auto& param) {
                           return std::string(param.param).substr(sizeof "destroy." - 1);
                         });

// After all tests: gtest runs parameterised ones last, whatever the order of definition.
class AllPointsAreReached : public testing::Environment {
 public:
  void TearDown() override {
    if (testing::GTEST_FLAG(filter) != "*") return;
    const std::regex named("TIDELOCK_CRASH_POINT\\(\"([^\"]+)\"\\)");
    for (const auto& entry : fs::recursive_directory_iterator(TIDELOCK_LIBRARY_SOURCES)) {
      if (entry.path().extension() != ".cc") continue;
      std::ifstream stream(entry.path());
      const std::string text((std::istreambuf_iterator<char>(stream)), {});
      for (std::sregex_iterator match(text.begin(), text.end(), named), end; match != end;
           ++match) {
        const std::string name = (*match)[1];
        // These have tests of their own, which visit each of them.
        if (name.starts_with("lock.") || name.starts_with("memtable.")) continue;
        EXPECT_TRUE(reached().contains(name)) << name << " was never reached";
      }
    }
    std::cout << reached().size() << " crash points reached\n";
  }
};

const testing::Environment* const kAllPoints =
    testing::AddGlobalTestEnvironment(new AllPointsAreReached);

}  // namespace
}  // namespace tidelock
