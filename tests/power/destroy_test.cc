// Cuts the power while a database is destroyed, by one who may die of something else before he is
// done, and while another is made in its place.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "os/crash_point.h"
#include "power/client.h"
#include "power/disk.h"
#include "power/examiner.h"
#include "power/history.h"
#include "power/recorder.h"
#include "support/child_process.h"
#include "support/random.h"
#include "support/seed.h"
#include "support/temporary_directory.h"
#include "tidelock/db.h"

namespace tidelock {
namespace {

namespace fs = std::filesystem;
using test::History;
using test::Random;

constexpr std::size_t kMemtableSize = std::size_t{64} << 10;

using Found = std::map<std::string, std::string>;

class DestroyedTest : public testing::Test {
 protected:
  void work(History& history, int acts) {
    os::set_crash_point_visitor(History::visit);
    test::Client client(history, {path_, kMemtableSize, 50}, random_());
    for (int i = 0; i < acts; ++i) client.act();
    client.close();
    os::set_crash_point_visitor(nullptr);
  }

  // What the cut left, at path_.
  void make(test::CrashState state) {
    for (const std::string& name : state.shared) {
      state.files[name] = std::make_shared<test::Bytes>(100);
    }
    test::make_directory_of(state, path_);
  }

  // Whether it is there for who only reads; `found`: what he who then goes on with it, or makes
  // another one, finds.
  bool go_on(Found& found) {
    Options options;
    options.access = Access::kReadOnly;
    const StatusCode reading = Db::open(path_, options).status().code();
    EXPECT_TRUE(reading == StatusCode::kOk || reading == StatusCode::kNotFound);
    options.access = Access::kReadWrite;
    options.mode = OpenMode::kCreateIfMissing;
    if (reading != StatusCode::kOk) options.fixed.memtable_size = kMemtableSize;
    Result<Db> db = Db::open(path_, options);
    EXPECT_TRUE(db) << db.status().to_string();
    if (!db) return false;
    EXPECT_EQ(test::read_all(*db, found), "");
    EXPECT_EQ(test::find_problem(*db), "");
    EXPECT_TRUE(db->put("k", "v", {.durability = Durability::kDurable, .wait = {}}).ok());
    EXPECT_TRUE(db->close().ok());
    EXPECT_TRUE(Db::destroy(path_).ok());
    EXPECT_FALSE(fs::exists(path_));
    fs::remove_all(path_);
    return reading == StatusCode::kOk;
  }

  Random random_{test::random_seed()};
  const test::TemporaryDirectory directory_{test::Where::kMemory};
  const std::string path_ = directory_.file("db");
};

// It comes back whole, or says that it is not; never without some of its files.
TEST_F(DestroyedTest, DatabaseComesBackWholeOrDoesNot) {
  History history(test::kValueSeed);
  history.begin(1);
  std::uint64_t begun = 0;
  {
    const test::Recorder recorder(history.recording(), path_);
    work(history, 100);
    begun = history.recording().tick();
    ASSERT_TRUE(Db::destroy(path_).ok());
    ASSERT_FALSE(fs::exists(path_));
  }
  const std::uint64_t end = history.recording().tick();
  int whole = 0;
  for (int i = 0; i < 300 && !HasFailure(); ++i) {
    test::Disk disk({}, history.recording().operations());
    const bool destroyed = i % 10 == 0;
    disk.run_until(destroyed ? end : begun + random_() % (end - begun));
    const test::CrashState state = disk.cut(random_);
    make(state);
    Found found;
    const bool there = go_on(found);
    EXPECT_EQ(there, state.files.contains("CURRENT"));
    EXPECT_FALSE(there && destroyed) << "it was destroyed before the cut";
    EXPECT_EQ(there ? history.judge(found, {end, end}).problem : "", "");
    EXPECT_TRUE(there || found.empty());
    whole += there ? 1 : 0;
  }
  EXPECT_GT(whole, 0);
  EXPECT_LT(whole, 270);  // so many were not surely destroyed
}

test::Image image_of(const std::string& directory) {
  test::Image image;
  for (const auto& entry : fs::directory_iterator(directory)) {
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(stream)), {});
    const auto bytes = std::as_bytes(std::span(text));
    image[entry.path().filename()] = std::make_shared<test::Bytes>(bytes.begin(), bytes.end());
  }
  return image;
}

struct Death {
  const char* point;
  std::uint64_t nth;
  int acts;  // in the next database; with few most cuts are in its making
};

class HalfDestroyedTest : public DestroyedTest, public testing::WithParamInterface<Death> {
 protected:
  struct Counts {
    int old = 0;
    int none = 0;
    int next = 0;
  };

  // Dies in the middle.
  void destroy_by_halves(test::Recording& recording) {
    test::ChildProcess destroyer([&] {
      const test::Recorder recorder(recording, path_);
      os::arm_crash_point(GetParam().point, GetParam().nth, SIGKILL);
      return Db::destroy(path_).ok() ? 0 : 1;
    });
    ASSERT_TRUE(test::killed_by(destroyer.wait(), SIGKILL));
  }
  void make_next(History& next) {
    test::ChildProcess maker([&] {
      const test::Recorder recorder(next.recording(), path_);
      work(next, GetParam().acts);
      return 0;
    });
    ASSERT_TRUE(test::exited_with(maker.wait(), 0));
  }

  // All of the old one, which was on disk, until the next one promises anything; then that.
  void judge(const Found& found, bool there, std::uint64_t cut, const History& old,
             const History& next, Counts& counts) {
    const auto last = found.find("last");
    const std::uint64_t write = last == found.end() ? 0 : std::stoull(last->second);
    if (there && old.order_of(write) != 0) {
      constexpr std::uint64_t kLater = ~std::uint64_t{0};
      const History::Verdict verdict = old.judge(found, {kLater, kLater});
      EXPECT_EQ(verdict.problem, "");
      EXPECT_EQ(verdict.survived, old.commits());
      EXPECT_EQ(next.judge({}, {cut, cut}).problem, "") << "the old one is there";
      ++counts.old;
    } else {
      EXPECT_EQ(next.judge(found, {cut, cut}).problem, "");
      ++(there ? counts.next : counts.none);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Deaths, HalfDestroyedTest,
                         testing::Values(Death{"destroy.renamed", 1, 3},
                                         Death{"destroy.removing", 1, 40},
                                         Death{"destroy.removing", 3, 3},
                                         Death{"destroy.removing", 5, 40},
                                         Death{"destroy.forgotten", 1, 3}));

// The destroyer died, and whoever came next made another one there.
TEST_P(HalfDestroyedTest, DatabaseDoesNotComeBackBesideTheNextOne) {
  History old(test::kValueSeed);
  old.begin(1);
  work(old, 60);
  const test::Image start = image_of(path_);  // all of it is on disk by now
  History next(test::kValueSeed);
  next.begin(old.next_write());
  ASSERT_NO_FATAL_FAILURE(destroy_by_halves(next.recording()));
  const std::uint64_t death = next.recording().tick();
  ASSERT_NO_FATAL_FAILURE(make_next(next));
  fs::remove_all(path_);
  constexpr int kCuts = 150;
  constexpr int kCutsAtDeath = 15;
  std::vector<std::uint64_t> cuts = test::random_cuts(next.recording(), kCuts, random_);
  cuts.insert(cuts.end(), kCutsAtDeath, death);
  std::ranges::sort(cuts);
  Counts counts;
  test::Disk disk(start, next.recording().operations());
  for (const std::uint64_t cut : cuts) {
    if (HasFailure()) break;
    disk.run_until(cut);
    make(disk.cut(random_));
    Found found;
    const bool there = go_on(found);
    judge(found, there, cut, old, next, counts);
  }
  std::printf("%d cuts left the old one, %d none, %d the next one\n", counts.old, counts.none,
              counts.next);
  EXPECT_GE(counts.none + counts.old, 1);
  // The renaming was not synced.
  EXPECT_GE(counts.old, std::string_view(GetParam().point) == "destroy.renamed" ? 1 : 0);
  EXPECT_GE(counts.next, kCuts / 8);
}

}  // namespace
}  // namespace tidelock
