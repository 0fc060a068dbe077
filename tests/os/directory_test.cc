#include "os/directory.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <string>

#include "os/system_call.h"
#include "support/child_process.h"
#include "support/fault.h"
#include "support/temporary_directory.h"

namespace tidelock::os {
namespace {

class DirectoryTest : public testing::Test {
 protected:
  [[nodiscard]] File make(const std::string& name) const {
    return std::move(File::create(directory_.file(name), {})).value();
  }
  [[nodiscard]] FileIdentity identity(const std::string& name) const {
    return path_identity(directory_.file(name)).value();
  }

  test::TemporaryDirectory directory_;
};

TEST_F(DirectoryTest, ANameThatIsGivenOnceIsNotTakenFromAnother) {
  const File first = make("first");
  const File second = make("second");
  const Status status = rename_to_new(directory_.file("first"), directory_.file("second"));
  EXPECT_EQ(status.code(), StatusCode::kExists);
  EXPECT_NE(status.message().find(directory_.file("second")), std::string::npos)
      << status.message();
  EXPECT_EQ(identity("first"), first.identity().value());
  EXPECT_EQ(identity("second"), second.identity().value());
  ASSERT_TRUE(rename_to_new(directory_.file("first"), directory_.file("third")).ok());
  EXPECT_EQ(identity("third"), first.identity().value());
}

TEST_F(DirectoryTest, OnlyTheFileThatWasMadeIsRemoved) {
  const File mine = make("name");
  ASSERT_TRUE(rename_file(directory_.file("name"), directory_.file("moved")).ok());
  const File other = make("name");
  unlink_made(mine);
  EXPECT_EQ(identity("name"), other.identity().value());
  unlink_made(other);
  EXPECT_FALSE(exists(directory_.file("name")).value());
}

TEST_F(DirectoryTest, AGroupThatMayNotBeGivenIsToldFromOneThatCannotBeAskedFor) {
  const std::string path = directory_.file("name");
  const auto when = [&](SystemCall call, int error) {
    const test::Fault fault(call, {.error = error}, "name");
    return may_give_to(path, ::getegid());
  };
  EXPECT_TRUE(may_give_to(path, ::getegid()).value());
  EXPECT_FALSE(when(SystemCall::kSetOwner, EPERM).value());
  EXPECT_FALSE(when(SystemCall::kSetOwner, EINVAL).value());
  EXPECT_EQ(when(SystemCall::kSetOwner, EIO).error().code(), StatusCode::kIo);
  EXPECT_EQ(when(SystemCall::kOpen, EMFILE).error().code(), StatusCode::kLimit);
  EXPECT_EQ(when(SystemCall::kOpen, ENOMEM).error().code(), StatusCode::kLimit);
}

// Linux before 6.3 does not know files in memory that cannot be executed.
TEST_F(DirectoryTest, AnOldKernelIsAskedForTheGroupAllTheSame) {
  int refused = 0;
  const test::OnSystemCall old([&refused](const SystemCallEvent& event) {
    return event.call == SystemCall::kOpen && refused++ == 0 ? EINVAL : 0;
  });
  EXPECT_TRUE(may_give_to(directory_.file("name"), ::getegid()).value());
  EXPECT_EQ(refused, 2);
}

constexpr int kCannotMount = 77;

// Makes and mounts an XFS in a namespace of the calling process alone, which ends with it.
// 1: mapped stores may fail there; 0: they may not.
int ask_xfs(const std::string& directory, const std::string& reflink) {
  const std::string image = directory + "/image-" + reflink;
  const std::string mount = directory + "/mount-" + reflink;
  const std::string commands = "exec >/dev/null 2>&1; mkdir " + mount + " && truncate -s 320M " +
                               image + " && mkfs.xfs -q -m reflink=" + reflink + " " + image +
                               " && mount -o loop " + image + " " + mount;
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return kCannotMount;
  }
  if (std::system(commands.c_str()) != 0) return kCannotMount;
  return mapped_stores_may_fail(mount) ? 1 : 0;
}

TEST_F(DirectoryTest, MappedStoresAreSafeOnXfsThatCannotShareBlocks) {
  for (const int shares : {0, 1}) {
    test::ChildProcess child([&] { return ask_xfs(directory_.path(), std::to_string(shares)); });
    const int status = child.wait();
    if (test::exited_with(status, kCannotMount)) {
      std::cout << "not tried: it takes root, mkfs.xfs and a loop device\n";
      return;
    }
    EXPECT_TRUE(test::exited_with(status, shares)) << status;
  }
}

TEST_F(DirectoryTest, MappedStoresAreNotTrustedOnFileSystemsOfOtherKinds) {
  EXPECT_TRUE(mapped_stores_may_fail("/proc"));
  EXPECT_TRUE(mapped_stores_may_fail(directory_.file("missing")));
  const test::TemporaryDirectory in_memory(test::Where::kMemory);
  EXPECT_FALSE(mapped_stores_may_fail(in_memory.path()));
}

}  // namespace
}  // namespace tidelock::os
