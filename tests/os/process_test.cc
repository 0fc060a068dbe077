#include "os/process.h"

#include <gtest/gtest.h>

#include "os/crash_point.h"
#include "os/futex.h"
#include "support/child_process.h"

namespace tidelock::os {
namespace {

TEST(ProcessToken, DiffersInAForkedChildAndStaysInTheParent) {
  const std::uint64_t mine = process_token();
  test::ChildProcess child([mine] {
    const std::uint64_t token = process_token();
    return token != mine && token == process_token() ? 0 : 1;
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
  EXPECT_EQ(process_token(), mine);
}

TEST(Identity, OfBootAndMountIsStable) {
  EXPECT_EQ(boot_identity().value(), boot_identity().value());
  EXPECT_EQ(mount_identity("/").value(), mount_identity("/").value());
}

TEST(CrashPoint, KillsAtTheAskedVisitAndNotBefore) {
  test::ChildProcess child([] {
    arm_crash_point("test.point", 2, SIGKILL);
    TIDELOCK_CRASH_POINT("test.other");
    TIDELOCK_CRASH_POINT("test.point");
    return 3;
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 3));
  test::ChildProcess second([] {
    arm_crash_point("test.point", 2, SIGKILL);
    TIDELOCK_CRASH_POINT("test.point");
    TIDELOCK_CRASH_POINT("test.point");
    return 3;
  });
  EXPECT_TRUE(test::killed_by(second.wait(), SIGKILL));
}

TEST(Futex, ReturnsAtOnceWhenTheWordHasChanged) {
  std::atomic<std::uint32_t> word{1};
  futex_wait(word, 0, std::chrono::hours(1));
  EXPECT_EQ(futex_wake(word, 1), 0);
}

}  // namespace
}  // namespace tidelock::os
