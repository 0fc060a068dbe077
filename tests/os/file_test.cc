#include "os/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <vector>

#include "os/directory.h"
#include "os/system_call.h"
#include "support/child_process.h"
#include "support/fault.h"
#include "support/temporary_directory.h"

namespace tidelock::os {
namespace {

std::span<const std::byte> bytes_of(const char* text) {
  return {reinterpret_cast<const std::byte*>(text), std::strlen(text)};
}

class FileTest : public testing::Test {
 protected:
  test::TemporaryDirectory directory_;
  std::string path_ = directory_.file("data");
};

TEST_F(FileTest, ReadsBackWhatItWrote) {
  File file = std::move(File::create(path_, {})).value();
  ASSERT_TRUE(file.write(3, bytes_of("tide")).ok());
  std::vector<std::byte> out(4);
  ASSERT_TRUE(file.read_exact(3, out).ok());
  EXPECT_EQ(std::memcmp(out.data(), "tide", 4), 0);
  EXPECT_EQ(file.size().value(), 7u);
}

TEST_F(FileTest, EndingTooEarlyIsCorruptionThatNamesTheFile) {
  File file = std::move(File::create(path_, {})).value();
  std::vector<std::byte> out(4);
  const Status status = file.read_exact(0, out);
  EXPECT_EQ(status.code(), StatusCode::kCorruption);
  EXPECT_NE(status.message().find(path_), std::string::npos);
}

TEST_F(FileTest, CreatesNothingOverAnExistingFile) {
  ASSERT_TRUE(File::create(path_, {}).has_value());
  EXPECT_EQ(File::create(path_, {}).error().code(), StatusCode::kExists);
}

TEST_F(FileTest, RefusesASymbolicLinkInItsPlace) {
  ASSERT_TRUE(File::create(directory_.file("other"), {}).has_value());
  ASSERT_EQ(::symlink("other", path_.c_str()), 0);
  EXPECT_EQ(File::open(path_, FileAccess::kRead).error().code(), StatusCode::kUnsupported);
}

TEST_F(FileTest, RefusesAFifoWithoutBlockingOnIt) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(File::open(path_, FileAccess::kRead).error().code(), StatusCode::kUnsupported);
}

TEST_F(FileTest, GivesTheAskedModeWhateverTheUmask) {
  const mode_t before = ::umask(077);
  Result<File> file = File::create(path_, {.mode = 0664, .group = {}});
  ::umask(before);
  ASSERT_TRUE(file.has_value());
  struct stat facts {};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0664u);
}

// So a process that dies on the way leaves none that the others may not open.
TEST_F(FileTest, HasItsOwnershipBeforeItHasItsName) {
  const FileOwnership ownership{.mode = 0664, .group = ::getegid()};
  int given = 0;
  {
    const test::OnSystemCall look([&](const SystemCallEvent& event) {
      given += event.call == SystemCall::kSetOwner ? 1 : 0;
      return ::access(path_.c_str(), F_OK) == 0 ? EIO : 0;
    });
    const mode_t before = ::umask(077);
    const Status status = File::make(path_, ownership);
    ::umask(before);
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
  EXPECT_EQ(given, 2);
  struct stat facts {};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0664u);
  EXPECT_EQ(facts.st_nlink, 1u);
  EXPECT_EQ(File::make(path_, ownership).code(), StatusCode::kExists);
}

TEST_F(FileTest, IsMadeWithItsOwnershipWhereThereAreNoFilesWithoutAName) {
  for (const int error : {EOPNOTSUPP, EISDIR, ENOENT}) {
    const test::Fault fault(SystemCall::kOpen, {.error = error}, path_.substr(0, path_.rfind('/')));
    const Status status = File::make(path_, {.mode = 0604, .group = {}});
    ASSERT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ(fault.calls(), 1);
    struct stat facts {};
    ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777, 0604u);
    ASSERT_TRUE(unlink_file(path_).ok());
  }
}

TEST_F(FileTest, StaysAboveTheStandardStreamsAndClosesOnExec) {
  test::ChildProcess child([this] {
    ::close(0);
    ::close(1);
    ::close(2);
    Result<File> file = File::create(path_, {});
    if (!file) return 1;
    if (file->descriptor() <= 2) return 2;
    return (::fcntl(file->descriptor(), F_GETFD) & FD_CLOEXEC) != 0 ? 0 : 3;
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
}

TEST_F(FileTest, LeavesNothingWhereItsDescriptorCannotBeMovedAboveTheStandardStreams) {
  test::ChildProcess child([this] {
    ::close(0);
    const test::Fault fault(SystemCall::kDuplicate, {.error = EMFILE});
    const Result<File> file = File::create(path_, {});
    if (file || file.error().code() != StatusCode::kLimit) return 1;
    return exists(path_).value() ? 2 : 0;
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
}

TEST_F(FileTest, ShortWritesAreContinued) {
  File file = std::move(File::create(path_, {})).value();
  const test::Fault fault(SystemCall::kWrite, {.error = 0, .length_max = 1});
  ASSERT_TRUE(file.write(0, bytes_of("tidelock")).ok());
  EXPECT_EQ(fault.calls(), 8);
  EXPECT_EQ(file.size().value(), 8u);
}

TEST_F(FileTest, WhatASignalInterruptsIsMadeAgain) {
  File file = std::move(File::create(path_, {})).value();
  int interrupted = 0;
  const test::OnSystemCall signal(
      [&](const SystemCallEvent&) { return ++interrupted % 4 ? EINTR : 0; });
  ASSERT_TRUE(file.write(0, bytes_of("tide")).ok());
  EXPECT_EQ(interrupted, 4);
  EXPECT_EQ(file.size().value(), 4u);
  EXPECT_EQ(interrupted, 8);
}

// It may have been told of a write-back that failed, and nobody would be told again.
TEST_F(FileTest, ASyncThatASignalInterruptsHasFailed) {
  File file = std::move(File::create(path_, {})).value();
  int interrupted = 0;
  const test::OnSystemCall signal(
      [&](const SystemCallEvent&) { return ++interrupted == 1 ? EINTR : 0; });
  const std::function<Status()> syncs[] = {[&] { return file.datasync(); },
                                           [&] { return file.sync(); },
                                           [&] { return sync_directory(directory_.path()); }};
  for (const auto& sync : syncs) {
    interrupted = 0;
    EXPECT_EQ(sync().code(), StatusCode::kIo);
    EXPECT_EQ(interrupted, 1);
  }
}

TEST_F(FileTest, AFullDiskIsNoSpace) {
  File file = std::move(File::create(path_, {})).value();
  const test::Fault fault(SystemCall::kWrite, {.error = ENOSPC});
  EXPECT_EQ(file.write(0, bytes_of("x")).code(), StatusCode::kNoSpace);
}

TEST_F(FileTest, ReachingTheSizeLimitIsNoSpaceAndNotDeath) {
  test::ChildProcess child([this] {
    const struct rlimit limit { 4096, RLIM_INFINITY };
    ::setrlimit(RLIMIT_FSIZE, &limit);
    Result<File> file = File::create(path_, {});
    if (!file) return 1;
    return file->allocate(8192).code() == StatusCode::kNoSpace ? 0 : 2;
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
}

TEST_F(FileTest, AllocateLeavesZeroesOfTheAskedSize) {
  File file = std::move(File::create(path_, {})).value();
  ASSERT_TRUE(file.allocate(3 << 20).ok());
  EXPECT_EQ(file.size().value(), 3u << 20);
  std::vector<std::byte> out(16, std::byte{1});
  ASSERT_TRUE(file.read_exact((3 << 20) - 16, out).ok());
  EXPECT_EQ(out, std::vector<std::byte>(16));
}

TEST(DirectoryTest, RefusesOneWhereEverybodyMayPlantFiles) {
  test::TemporaryDirectory directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 01777), 0);
  EXPECT_EQ(check_directory_mode(directory.path()).code(), StatusCode::kPermission);
}

TEST(DirectoryTest, RefusesAFileSystemItDoesNotKnow) {
  EXPECT_EQ(check_file_system("/proc").code(), StatusCode::kUnsupported);
}

}  // namespace
}  // namespace tidelock::os
