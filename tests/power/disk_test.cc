#include "power/disk.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "os/directory.h"
#include "os/file.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace tidelock::test {
namespace {

constexpr int kCuts = 500;
constexpr std::uint64_t kSector = 512;

class DiskTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const { return directory_.file(name); }
  [[nodiscard]] os::File create(const std::string& name) const {
    return std::move(*os::File::create(path(name), {}));
  }
  // A file whose name is on disk.
  [[nodiscard]] os::File create_named(const std::string& name) const {
    os::File file = create(name);
    sync_directory();
    return file;
  }
  void sync_directory() const { ASSERT_TRUE(os::sync_directory(directory_.path()).ok()); }
  static void write(os::File& file, std::uint64_t sector, char byte) {
    const std::string text(kSector, byte);
    ASSERT_TRUE(file.write(sector * kSector, std::as_bytes(std::span(text))).ok());
  }
  // The distinct texts that `name` has after cuts at this moment, the first byte of each sector; a
  // missing file is "-".
  [[nodiscard]] std::set<std::string> contents(const std::string& name) {
    std::set<std::string> found;
    for_cuts([&](const CrashState& state) {
      const auto file = state.files.find(name);
      std::string text = file == state.files.end() ? "-" : "";
      for (std::size_t at = 0; text != "-" && at < file->second->size(); at += kSector) {
        const char byte = static_cast<char>((*file->second)[at]);
        text += byte == 0 ? '.' : byte;
      }
      found.insert(text);
    });
    return found;
  }
  template <typename Visit>
  void for_cuts(const Visit& visit) {
    Disk disk({}, recording_.operations());
    disk.run_until(recording_.tick() + 1);
    Random random(1);
    for (int i = 0; i < kCuts; ++i) visit(disk.cut(random));
  }

  TemporaryDirectory directory_{Where::kMemory};
  Recording recording_;
  int failing_syncs_ = 0;
  Recorder recorder_{recording_, directory_.path(), [this](const os::SystemCallEvent& event) {
                       return event.call == os::SystemCall::kDataSync && failing_syncs_-- > 0 ? EIO
                                                                                              : 0;
                     }};
};

using Texts = std::set<std::string>;

TEST_F(DiskTest, KeepsWhatWasSynced) {
  os::File file = create_named("f");
  write(file, 0, 'a');
  write(file, 1, 'b');
  ASSERT_TRUE(file.datasync().ok());
  EXPECT_EQ(contents("f"), Texts{"ab"});
}

TEST_F(DiskTest, KeepsAnySubsetOfTheSectorsThatWereNot) {
  os::File file = create_named("f");
  write(file, 0, 'a');
  write(file, 1, 'b');
  ASSERT_TRUE(file.datasync().ok());
  write(file, 0, 'c');
  write(file, 1, 'd');
  EXPECT_EQ(contents("f"), (Texts{"ab", "cb", "ad", "cd"}));
}

TEST_F(DiskTest, KeepsTheEarlierWritesToASectorWithTheLaterOnes) {
  os::File file = create_named("f");
  write(file, 0, 'a');
  ASSERT_TRUE(file.datasync().ok());
  write(file, 0, 'b');
  write(file, 0, 'c');
  EXPECT_EQ(contents("f"), (Texts{"a", "b", "c"}));
}

TEST_F(DiskTest, LosesLengthAndBytesEachByItself) {
  os::File file = create_named("f");
  write(file, 0, 'a');
  ASSERT_TRUE(file.datasync().ok());
  write(file, 1, 'b');
  EXPECT_EQ(contents("f"), (Texts{"a", "a.", "ab"}));
}

TEST_F(DiskTest, LosesANameUntilItsDirectoryIsSynced) {
  os::File file = create("f");
  write(file, 0, 'a');
  ASSERT_TRUE(file.sync().ok());
  EXPECT_EQ(contents("f"), (Texts{"-", "a"}));
  sync_directory();
  EXPECT_EQ(contents("f"), Texts{"a"});
}

TEST_F(DiskTest, RenamesAtOnceOrNotAtAll) {
  for (const char* name : {"new", "old"}) {
    os::File file = create_named(name);
    write(file, 0, name[0]);
    ASSERT_TRUE(file.sync().ok());
  }
  ASSERT_TRUE(os::rename_file(path("new"), path("old")).ok());
  EXPECT_EQ(contents("old"), (Texts{"o", "n"}));
  for_cuts([](const CrashState& state) {
    const bool renamed = (*state.files.at("old"))[0] == std::byte{'n'};
    EXPECT_EQ(state.files.contains("new"), !renamed);
  });
}

TEST_F(DiskTest, BringsBackWhatWasRemovedUntilTheDirectoryIsSynced) {
  os::File file = create_named("f");
  ASSERT_TRUE(os::unlink_file(path("f")).ok());
  EXPECT_EQ(contents("f"), (Texts{"-", ""}));
  sync_directory();
  EXPECT_EQ(contents("f"), Texts{"-"});
}

TEST_F(DiskTest, IsNotCleanAfterAFailedSyncUnlessAllIsWrittenAgain) {
  os::File file = create_named("f");
  write(file, 0, 'a');
  ASSERT_TRUE(file.datasync().ok());
  write(file, 0, 'b');
  failing_syncs_ = 1;
  ASSERT_FALSE(file.datasync().ok());
  ASSERT_TRUE(file.datasync().ok());
  EXPECT_EQ(contents("f"), (Texts{"a", "b"}));
  write(file, 0, 'b');
  ASSERT_TRUE(file.datasync().ok());
  EXPECT_EQ(contents("f"), Texts{"b"});
}

TEST_F(DiskTest, TellsEveryProcessOnceOfASyncThatFailed) {
  os::File file = create_named("f");
  failing_syncs_ = 1;
  ChildProcess other([&] {
    const Recorder recorder(recording_, directory_.path());
    Result<os::File> mine = os::File::open(path("f"), os::FileAccess::kReadWrite);
    if (!mine) return 1;
    ::raise(SIGSTOP);
    if (mine->datasync().ok()) return 2;
    return mine->datasync().ok() ? 0 : 3;
  });
  other.wait_for_stop();
  EXPECT_FALSE(file.datasync().ok());
  EXPECT_TRUE(file.datasync().ok());
  other.send(SIGCONT);
  EXPECT_TRUE(exited_with(other.wait(), 0));
}

TEST_F(DiskTest, DoesNotRecordWhatTheNextBootIgnores) {
  os::File file = create_named("STATE");
  write(file, 0, 'a');
  for_cuts([](const CrashState& state) {
    EXPECT_FALSE(state.files.contains("STATE"));
    EXPECT_EQ(state.shared, std::vector<std::string>{"STATE"});
  });
}

}  // namespace
}  // namespace tidelock::test
