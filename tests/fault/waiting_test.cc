#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "lsm/context.h"
#include "os/byte_lock.h"
#include "os/clock.h"
#include "support/fault.h"
#include "support/open_database.h"

namespace tidelock {
namespace {

using std::chrono::milliseconds;

// Another process holds a byte that a job needs; the lock on it is all one sees of it.
class WaitingTest : public test::DatabaseTest {
 protected:
  WaitingTest() { EXPECT_TRUE(db_.put("k", "1").ok()); }

  bool occupy(std::uint64_t byte) {
    return others_.try_lock(byte, os::ByteLocks::Mode::kExclusive).value();
  }
  static std::chrono::nanoseconds time(const std::function<void()>& act) {
    const auto begun = os::monotonic_now();
    act();
    return os::monotonic_now() - begun;
  }
  static Wait at_most(milliseconds deadline) { return {.deadline = deadline}; }

  static constexpr Wait kAtOnce{.policy = Wait::Policy::kFailFast};
  Db db_ = open({.background = Background::kNone});
  os::ByteLocks others_{os::File::open(path() + "/LOCK", os::FileAccess::kReadWrite).value()};
};

TEST_F(WaitingTest, FailFastIsBusyAndNamesTheOperation) {
  ASSERT_TRUE(occupy(lsm::kManifestByte));
  const Status flushed = db_.flush(kAtOnce);
  EXPECT_EQ(flushed.code(), StatusCode::kBusy) << flushed.to_string();
  ASSERT_NE(flushed.busy(), nullptr);
  others_.unlock(lsm::kManifestByte);
  ASSERT_TRUE(db_.flush().ok());
  ASSERT_TRUE(occupy(lsm::kCompactionByte));
  const Status compacted = db_.compact({}, kAtOnce);
  EXPECT_EQ(compacted.code(), StatusCode::kBusy) << compacted.to_string();
  EXPECT_NE(compacted.message().find("compact " + path()), std::string::npos)
      << compacted.message();
}

TEST_F(WaitingTest, ADeadlineCoversAllThatAFlushWaitsFor) {
  ASSERT_TRUE(occupy(lsm::kManifestByte));
  bool again = false;
  const test::OnSystemCall hook([&](const os::SystemCallEvent& event) {
    if (!again && event.call == os::SystemCall::kSync && event.path.ends_with(".sst.tmp")) {
      again = occupy(lsm::kManifestByte);
    }
    return 0;
  });
  std::thread release([this] {
    os::sleep_for(milliseconds(350));
    others_.unlock(lsm::kManifestByte);
  });
  Status status;
  const auto took = time([&] { status = db_.flush(at_most(milliseconds(400))); });
  release.join();
  EXPECT_TRUE(again);
  EXPECT_EQ(status.code(), StatusCode::kTimedOut) << status.to_string();
  EXPECT_LT(took, milliseconds(700));
}

TEST_F(WaitingTest, AnotherThreadsPatienceIsNotOnesOwn) {
  ASSERT_TRUE(db_.flush().ok());
  ASSERT_TRUE(occupy(lsm::kManifestByte));
  std::thread patient([this] { (void)db_.compact({}, at_most(milliseconds(1'500))); });
  os::sleep_for(milliseconds(200));
  ASSERT_TRUE(db_.put("k", "2").ok());
  Status status;
  const auto took = time([&] { status = db_.flush(kAtOnce); });
  EXPECT_EQ(status.code(), StatusCode::kBusy) << status.to_string();
  EXPECT_LT(took, milliseconds(1'000));
  patient.join();
}

TEST_F(WaitingTest, AWriteWithRoomLeftIsNotHeldUpByAJobThatIsDue) {
  ASSERT_TRUE(occupy(lsm::kManifestByte));
  const std::string value(1000, 'v');
  std::chrono::nanoseconds longest{0};
  for (int i = 0; i < 2'500; ++i) {  // a sealed memtable of 1 MiB waits for its flush
    const auto took = time([&] { EXPECT_TRUE(db_.put("k" + std::to_string(i), value).ok()); });
    longest = std::max(longest, took);
  }
  EXPECT_LT(longest, milliseconds(90));
}

}  // namespace
}  // namespace tidelock
