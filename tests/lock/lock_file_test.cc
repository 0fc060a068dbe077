// Opening a lock file while system calls fail, and others are at work on the same file.

#include "lock/lock_file.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "os/byte_lock.h"
#include "support/fault.h"
#include "support/temporary_directory.h"
#include "tidelock/lock_queue.h"

namespace tidelock {
namespace {

namespace fs = std::filesystem;

class LockFileTest : public testing::Test {
 protected:
  static std::ptrdiff_t descriptors() {
    return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  }
  // Yields how many calls failed, each without an error or with one that names the file.
  int fail_each_call(const std::function<Status()>& act) const {
    std::ptrdiff_t before = 0;
    const auto judge = [&](const Status& status) {
      EXPECT_EQ(descriptors(), before) << status.to_string();
      EXPECT_TRUE(LockQueue::open(path_).value().acquire()) << status.to_string();
      // What fails need not matter: advice, an unlock.
      EXPECT_TRUE(status.ok() || status.message().find(directory_.path()) != std::string::npos)
          << status.message();
    };
    return test::EachCallFails{[&] { before = descriptors(); }, act, judge}.run();
  }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.file("job.tidelock");
};

TEST_F(LockFileTest, SaysWhichFileAnyFailedCallOfOpeningWasAboutAndLeavesItUsable) {
  const auto open = [this] { return LockQueue::open(path_).status(); };
  const int calls_if_laid_out = fail_each_call(open);
  EXPECT_GE(calls_if_laid_out, 10);
  const auto open_anew = [&] {
    fs::remove(path_);
    return open();
  };
  EXPECT_GT(fail_each_call(open_anew), calls_if_laid_out);
  const LockQueue attached = LockQueue::open(path_).value();
  EXPECT_GE(fail_each_call(open), 10);
}

TEST_F(LockFileTest, SaysWhichFileAnyFailedCallOfLookingWasAbout) {
  LockQueue queue = LockQueue::open(path_).value();
  EXPECT_GE(fail_each_call([this] { return LockQueue::look(path_).status(); }), 5);
}

TEST_F(LockFileTest, IsBusyIfTheFileWasReplacedBetweenTwoLooksAtIt) {
  ASSERT_TRUE(LockQueue::open(path_));
  ASSERT_TRUE(LockQueue::open(path_ + ".new"));
  int opened = 0;
  const test::OnSystemCall hook([&](const os::SystemCallEvent& event) {
    if (event.call == os::SystemCall::kOpen && event.path == path_ && ++opened == 2) {
      fs::rename(path_ + ".new", path_);
    }
    return 0;
  });
  EXPECT_EQ(LockQueue::open(path_).status().code(), StatusCode::kBusy);
}

TEST_F(LockFileTest, IsLaidOutOnceThoseWithAnotherLayoutHaveLeft) {
  ASSERT_TRUE(LockQueue::open(path_));
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary) << "another";
  os::ByteLocks others(os::File::open(path_, os::FileAccess::kReadWrite).value());
  ASSERT_TRUE(others.try_lock(lock::LockFile::kOpenByte, os::ByteLocks::Mode::kShared).value());
  bool left = false;
  const test::OnSystemCall hook([&](const os::SystemCallEvent& event) {
    if (event.call == os::SystemCall::kUnlock && !left) {
      left = true;
      others.unlock(lock::LockFile::kOpenByte);
    }
    return 0;
  });
  EXPECT_TRUE(LockQueue::open(path_).value().acquire());
  EXPECT_TRUE(left);
}

}  // namespace
}  // namespace tidelock
