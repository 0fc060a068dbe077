#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/comes_true.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

// One handle, or several on one directory, used by many threads of this process; memtables are
// small, so that rolls, flushes and compactions happen underneath. Made for the thread sanitizer.
class DbThreadTest : public test::DatabaseTest {
 protected:
  static std::string key_of(int thread, int i) {
    return "k" + std::to_string(i) + "/" + std::to_string(thread);
  }
  // Runs `body(thread)` in that many threads at once and joins them.
  template <typename Body>
  static void in_threads(int count, const Body& body) {
    std::vector<std::thread> threads;
    for (int thread = 0; thread < count; ++thread)
      threads.emplace_back([&, thread] { body(thread); });
    for (std::thread& thread : threads) thread.join();
  }
};

constexpr int kThreads = 4;
constexpr int kEach = 800;

TEST_F(DbThreadTest, EachThreadReadsWhatItWroteWhileTablesChange) {
  Db db = open();
  std::atomic<int> wrong{0};
  in_threads(kThreads, [&](int thread) {
    const std::string value(1500, static_cast<char>('a' + thread));
    for (int i = 0; i < kEach; ++i) {
      const std::string key = key_of(thread, i);
      if (!db.put(key, value).ok()) ++wrong;
      const auto found = db.get(key);
      if (!found || *found != value) ++wrong;
      const auto earlier = db.get_pinned(key_of(thread, i / 2));
      if (!earlier || !*earlier || (*earlier)->view() != value) ++wrong;
    }
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(test::comes_true([&] { return db.stats().value().flushes > 0; }));
}

TEST_F(DbThreadTest, TwoHandlesOfOneDirectoryAreTwoAttachments) {
  Db first = open();
  Db second = open();
  std::atomic<int> wrong{0};
  in_threads(kThreads, [&](int thread) {
    Db& mine = thread % 2 == 0 ? first : second;
    Db& other = thread % 2 == 0 ? second : first;
    const std::string value(1500, static_cast<char>('a' + thread));
    for (int i = 0; i < kEach; ++i) {
      if (!mine.put(key_of(thread, i), value).ok()) ++wrong;
      const auto found = other.get(key_of(thread, i));
      if (!found || *found != value) ++wrong;
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST_F(DbThreadTest, ScansSeeOneMomentWhileOthersWrite) {
  Db db = open();
  constexpr int kKeys = 50;
  for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(db.put("k" + std::to_string(100 + i), "0").ok());
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::thread writer([&] {
    // All keys get the same number in one batch.
    const std::string filler(1000, '.');
    for (int n = 1; n <= 120; ++n) {
      Batch batch;
      for (int i = 0; i < kKeys; ++i) {
        batch.put("k" + std::to_string(100 + i), std::to_string(n) + filler);
      }
      if (!db.write(batch).ok()) ++torn;
    }
    stop = true;
  });
  in_threads(2, [&](int thread) {
    while (!stop) {
      Result<Iterator> it = db.iterate();
      if (!it) {
        ++torn;
        continue;
      }
      int count = 0;
      std::string number;
      for (thread == 0 ? it->seek_first() : it->seek_last(); it->valid();
           thread == 0 ? it->next() : it->prev()) {
        const std::string value(it->value().substr(0, it->value().find('.')));
        if (count++ == 0) number = value;
        if (value != number) ++torn;
      }
      if (count != kKeys || !it->status().ok()) ++torn;
    }
  });
  writer.join();
  EXPECT_EQ(torn, 0);
}

TEST_F(DbThreadTest, DurableWritersShareSyncs) {
  Db db = open();
  std::atomic<int> failed{0};
  in_threads(kThreads, [&](int thread) {
    for (int i = 0; i < 100; ++i) {
      const Status status =
          db.put(key_of(thread, i), "v", {.durability = Durability::kDurable, .wait = {}});
      if (!status.ok()) ++failed;
    }
  });
  EXPECT_EQ(failed, 0);
  const Stats stats = db.stats().value();
  EXPECT_EQ(stats.synced_commits, 100u * kThreads);
  EXPECT_EQ(stats.log_durable, stats.log_end);
}

TEST_F(DbThreadTest, MaintenanceAndStatisticsMayBeAskedForWhileOthersWrite) {
  Db db = open();
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0};
  const auto must = [&](const Status& status) { failed += status.ok() ? 0 : 1; };
  std::thread maintenance([&] {
    while (!stop) {
      must(db.flush());
      must(db.compact());
      must(db.sync());
      must(db.refresh());
      must(db.stats().status());
      must(db.lock_info().status());
      const Result<CheckReport> report = db.check();
      must(report.status());
      if (report) failed += static_cast<int>(report->problems.size());
    }
  });
  in_threads(2, [&](int thread) {
    for (int i = 0; i < kEach; ++i) must(db.put(key_of(thread, i), std::string(500, 'v')));
  });
  stop = true;
  maintenance.join();
  EXPECT_EQ(failed, 0);
}

TEST_F(DbThreadTest, CloseLetsCallsInOtherThreadsEndAndRefusesLaterOnes) {
  for (int round = 0; round < 10; ++round) {
    Db db = open();
    std::atomic<int> begun{0};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0;; ++i) {
          const Status status = db.put(key_of(thread, i), std::string(300, 'v'));
          const Status read = db.get(key_of(thread, i)).status();
          if (i == 20) ++begun;
          if (status.code() == StatusCode::kClosed) {
            if (read.code() != StatusCode::kClosed) ++wrong;
            return;
          }
          if (!status.ok()) ++wrong;
        }
      });
    }
    EXPECT_TRUE(test::comes_true([&] { return begun == kThreads; }));
    EXPECT_TRUE(db.close().ok());
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
  }
}

}  // namespace
}  // namespace tidelock
