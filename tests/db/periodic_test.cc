#include <atomic>
#include <chrono>
#include <string>

#include "os/clock.h"
#include "support/comes_true.h"
#include "support/fault.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

using std::chrono::milliseconds;

class PeriodicTest : public test::DatabaseTest {
 protected:
  static Options every(milliseconds period, Background background) {
    Options options;
    options.background = background;
    options.sync_period = period;
    options.durability = Durability::kPeriodic;
    return options;
  }
};

TEST_F(PeriodicTest, WritesAreSyncedInTimeWhileTheThreadIsAtAJob) {
  Db db = open(every(milliseconds(50), Background::kThread));
  std::atomic<bool> at_it{false};
  std::atomic<bool> go_on{false};
  const test::OnSystemCall hook([&](const os::SystemCallEvent& event) {
    if (event.call == os::SystemCall::kSync && event.path.ends_with(".sst.tmp")) {
      at_it = true;
      while (!go_on) os::sleep_for(milliseconds(1));
    }
    return 0;
  });
  for (int i = 0; db.stats()->sealed_memtables == 0; ++i) {
    ASSERT_TRUE(db.put("k" + std::to_string(i), std::string(1000, 'v')).ok());
  }
  ASSERT_TRUE(test::comes_true([&] { return at_it.load(); }));
  ASSERT_TRUE(db.put("last", "1").ok());
  const std::uint64_t end = db.stats()->log_end;
  const auto begun = os::monotonic_now();
  while (db.stats()->log_durable < end && os::monotonic_now() - begun < std::chrono::seconds(5)) {
    os::sleep_for(milliseconds(5));
  }
  EXPECT_LT(os::monotonic_now() - begun, std::chrono::seconds(2));
  go_on = true;
  EXPECT_TRUE(db.close().ok());  // its threads may not outlive the hook
}

TEST_F(PeriodicTest, WithoutAThreadTheNextCallSyncsButNeverUnderTheWriterLock) {
  Db db = open(every(milliseconds(20), Background::kNone));
  Db other = open({.background = Background::kNone});
  ASSERT_TRUE(db.put("k", "0").ok());
  int syncs = 0;
  int under_the_lock = 0;
  const test::OnSystemCall hook([&](const os::SystemCallEvent& event) {
    if (event.call == os::SystemCall::kDataSync && event.path.ends_with(".wal")) {
      ++syncs;
      under_the_lock += other.lock_info()->word == LockInfo::Word::kHeld ? 1 : 0;
    }
    return 0;
  });
  const auto end = os::monotonic_now() + milliseconds(200);
  for (int i = 0; os::monotonic_now() < end; ++i) {
    EXPECT_EQ(db.put_if("k", std::to_string(i), std::to_string(i + 1)).value(), true);
    os::sleep_for(milliseconds(1));
  }
  EXPECT_GT(syncs, 0);
  EXPECT_EQ(under_the_lock, 0);
}

}  // namespace
}  // namespace tidelock
