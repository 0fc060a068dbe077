#include "manifest/current.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include <cerrno>
#include <csignal>

#include "manifest_samples.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "support/child_process.h"
#include "support/fault.h"
#include "support/temporary_directory.h"

namespace tidelock::manifest {
namespace {

const Current kSample{
    .features = {.compatible = 0xc0, .read_only_compatible = 0, .incompatible = 0},
    .uuid = {0x0706050403020100, 0x0f0e0d0c0b0a0908},
    .manifest_number = 5};

void install(const std::string& directory, const Current& current) {
  const Status status = install_current(directory, current, {});
  ASSERT_TRUE(status.ok()) << status.to_string();
}

TEST(Current, HasTheDocumentedBytes) {
  // clang-format off
  EXPECT_EQ(hex(encode_current(kSample)),
            "5449444543555252" "01000000" "04030201"
            "c000000000000000" "0000000000000000" "0000000000000000"
            "000102030405060708090a0b0c0d0e0f" "0500000000000000" "ae28ffb9da51bfd1");
  // clang-format on
}

TEST(Current, ComesBackAsItWasWithUnknownCompatibleBits) {
  test::TemporaryDirectory directory;
  install(directory.path(), kSample);
  Result<Current> current = read_current(directory.path(), Access::kReadWrite);
  ASSERT_TRUE(current.has_value()) << current.status().to_string();
  EXPECT_EQ(*current, kSample);
}

TEST(Current, IsNotFoundWhereThereIsNoDatabase) {
  test::TemporaryDirectory directory;
  EXPECT_EQ(read_current(directory.path(), Access::kReadWrite).error().code(),
            StatusCode::kNotFound);
  EXPECT_EQ(read_current(directory.file("no"), Access::kReadOnly).error().code(),
            StatusCode::kNotFound);
}

TEST(Current, RefusesFilesOfOthersByName) {
  test::TemporaryDirectory directory;
  write_file(directory.file("CURRENT"), "MANIFEST-000001\n");
  Result<Current> current = read_current(directory.path(), Access::kReadWrite);
  EXPECT_EQ(current.error().code(), StatusCode::kUnsupported);
  EXPECT_NE(current.error().message().find(directory.file("CURRENT")), std::string::npos);
}

TEST(Current, TellsADamagedBeginningFromFilesOfOthers) {
  test::TemporaryDirectory directory;
  install(directory.path(), kSample);
  const std::string sound = read_file(directory.file("CURRENT"));
  std::string flipped = sound;
  flipped[3] = static_cast<char>(flipped[3] ^ 4);
  for (const std::string& bytes : {flipped, std::string(sound.size(), '\0'), sound.substr(5)}) {
    write_file(directory.file("CURRENT"), bytes);
    Result<Current> current = read_current(directory.path(), Access::kReadWrite);
    EXPECT_EQ(current.error().code(), StatusCode::kCorruption);
    EXPECT_NE(current.error().message().find("CURRENT at 0"), std::string::npos);
  }
}

TEST(Current, RefusesASymbolicLink) {
  test::TemporaryDirectory directory;
  install(directory.path(), kSample);
  ASSERT_EQ(::rename(directory.file("CURRENT").c_str(), directory.file("elsewhere").c_str()), 0);
  ASSERT_EQ(::symlink("elsewhere", directory.file("CURRENT").c_str()), 0);
  EXPECT_EQ(read_current(directory.path(), Access::kReadWrite).error().code(),
            StatusCode::kUnsupported);
}

TEST(Current, RefusesUnknownFeaturesAsTheirKindAsks) {
  test::TemporaryDirectory directory;
  Current newer = kSample;
  newer.features.read_only_compatible = std::uint64_t{1} << 40;
  install(directory.path(), newer);
  EXPECT_EQ(*read_current(directory.path(), Access::kReadOnly), newer);
  Result<Current> current = read_current(directory.path(), Access::kReadWrite);
  EXPECT_EQ(current.error().code(), StatusCode::kUnsupported);
  EXPECT_NE(current.error().message().find("read-only compatible feature bit 40"),
            std::string::npos);

  newer.features.incompatible = std::uint64_t{1} << 63;
  install(directory.path(), newer);
  for (Access access : {Access::kReadOnly, Access::kReadWrite}) {
    current = read_current(directory.path(), access);
    EXPECT_EQ(current.error().code(), StatusCode::kUnsupported);
    EXPECT_NE(current.error().message().find("incompatible feature bit 63"), std::string::npos);
  }
}

// Any bytes with the frame that all format versions share.
std::string framed(std::string bytes) {
  bytes.resize(bytes.size() + 8);
  const auto checksum = XXH3_64bits(bytes.data(), bytes.size() - 8);
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[bytes.size() - 8 + i] = static_cast<char>(checksum >> (8 * i));
  }
  return bytes;
}

TEST(Current, TellsANewerFormatFromDamage) {
  test::TemporaryDirectory directory;
  write_file(directory.file("CURRENT"),
             framed(std::string("TIDECURR\x02\0\0\0", 12) + "whatever comes then"));
  Result<Current> current = read_current(directory.path(), Access::kReadOnly);
  EXPECT_EQ(current.error().code(), StatusCode::kUnsupported);
  EXPECT_NE(current.error().message().find("format version 2"), std::string::npos);
}

TEST(Current, RefusesAnotherByteOrder) {
  test::TemporaryDirectory directory;
  install(directory.path(), kSample);
  std::string bytes = read_file(directory.file("CURRENT"));
  bytes.resize(bytes.size() - 8);
  std::swap(bytes[12], bytes[15]);
  std::swap(bytes[13], bytes[14]);
  write_file(directory.file("CURRENT"), framed(bytes));
  EXPECT_EQ(read_current(directory.path(), Access::kReadOnly).error().code(),
            StatusCode::kUnsupported);
}

void expect_named_problem(const test::TemporaryDirectory& directory) {
  Result<Current> current = read_current(directory.path(), Access::kReadWrite);
  ASSERT_FALSE(current.has_value());
  EXPECT_TRUE(current.error().code() == StatusCode::kCorruption ||
              current.error().code() == StatusCode::kUnsupported);
  EXPECT_NE(current.error().message().find(directory.file("CURRENT") + " at "), std::string::npos)
      << current.error().message();
}

TEST(Current, ReportsEveryFlippedBit) {
  test::TemporaryDirectory directory;
  install(directory.path(), kSample);
  const std::string whole = read_file(directory.file("CURRENT"));
  ASSERT_EQ(whole.size(), kCurrentSize);
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    write_file(directory.file("CURRENT"), damaged);
    ASSERT_NO_FATAL_FAILURE(expect_named_problem(directory)) << "bit " << bit;
  }
}

TEST(Current, ReportsEveryOtherLength) {
  test::TemporaryDirectory directory;
  install(directory.path(), kSample);
  const std::string whole = read_file(directory.file("CURRENT"));
  for (std::size_t size = 0; size < 5000; size += size < 200 ? 1 : 100) {
    if (size == whole.size()) continue;
    std::string other = whole;
    other.resize(size);
    write_file(directory.file("CURRENT"), other);
    ASSERT_NO_FATAL_FAILURE(expect_named_problem(directory)) << "size " << size;
  }
}

TEST(Current, HasTheModeAskedForWhateverTheUmask) {
  test::TemporaryDirectory directory;
  const mode_t before = ::umask(077);
  const Status status = install_current(directory.path(), kSample, {.mode = 0664, .group = {}});
  ::umask(before);
  ASSERT_TRUE(status.ok());
  struct stat facts {};
  ASSERT_EQ(::stat(directory.file("CURRENT").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0664u);
}

TEST(InstallCurrent, LeavesTheOldOneWhenItFails) {
  test::TemporaryDirectory directory;
  install(directory.path(), kSample);
  Current next = kSample;
  next.manifest_number = 6;
  for (os::SystemCall call : {os::SystemCall::kOpen, os::SystemCall::kWrite, os::SystemCall::kSync,
                              os::SystemCall::kRename}) {
    {
      const test::Fault fault(call, {.error = ENOSPC});
      EXPECT_EQ(install_current(directory.path(), next, {}).code(), StatusCode::kNoSpace);
    }
    EXPECT_EQ(*read_current(directory.path(), Access::kReadWrite), kSample);
  }
  install(directory.path(), next);
  EXPECT_EQ(*read_current(directory.path(), Access::kReadWrite), next);
}

TEST(InstallCurrent, SaysNotDurableWhenTheDirectoryIsNotSynced) {
  test::TemporaryDirectory directory;
  install(directory.path(), kSample);
  Current next = kSample;
  next.manifest_number = 6;
  {
    const test::Fault fault(os::SystemCall::kSyncDirectory, {.error = EIO});
    EXPECT_EQ(install_current(directory.path(), next, {}).code(), StatusCode::kNotDurable);
  }
  EXPECT_EQ(*read_current(directory.path(), Access::kReadWrite), next);
}

struct Crash {
  const char* point;
  std::uint64_t manifest_number_after;
};

TEST(InstallCurrent, KilledAnywhereLeavesTheOldOrTheNewOneAndIsRepeated) {
  for (const Crash& crash :
       {Crash{"current.written", 5}, Crash{"current.synced", 5}, Crash{"current.renamed", 6}}) {
    test::TemporaryDirectory directory;
    install(directory.path(), kSample);
    Current next = kSample;
    next.manifest_number = 6;
    test::ChildProcess child([&] {
      os::arm_crash_point(crash.point, 1, SIGKILL);
      return install_current(directory.path(), next, {}).ok() ? 0 : 1;
    });
    EXPECT_TRUE(test::killed_by(child.wait(), SIGKILL)) << crash.point;
    Result<Current> current = read_current(directory.path(), Access::kReadWrite);
    ASSERT_TRUE(current.has_value()) << current.status().to_string();
    EXPECT_EQ(current->manifest_number, crash.manifest_number_after) << crash.point;
    next.manifest_number = 7;
    install(directory.path(), next);
    EXPECT_EQ(read_current(directory.path(), Access::kReadWrite)->manifest_number, 7u);
    EXPECT_FALSE(os::exists(directory.file("CURRENT.tmp")).value());
  }
}

TEST(InstallCurrent, IsSeenWholeByAReaderInAnotherProcess) {
  test::TemporaryDirectory directory;
  install(directory.path(), kSample);
  test::ChildProcess writer([&] {
    Current next = kSample;
    for (;;) {
      ++next.manifest_number;
      if (!install_current(directory.path(), next, {}).ok()) return 1;
    }
  });
  std::uint64_t last = 0;
  for (int changes = 0; changes < 200;) {
    Result<Current> current = read_current(directory.path(), Access::kReadWrite);
    ASSERT_TRUE(current.has_value()) << current.status().to_string();
    ASSERT_GE(current->manifest_number, last);
    changes += current->manifest_number != last ? 1 : 0;
    last = current->manifest_number;
  }
}

}  // namespace
}  // namespace tidelock::manifest
