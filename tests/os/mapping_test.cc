#include "os/mapping.h"

#include <gtest/gtest.h>

#include <sys/mman.h>

#include <cstring>
#include <optional>
#include <utility>

#include "os/directory.h"
#include "support/child_process.h"
#include "support/temporary_directory.h"

namespace tidelock::os {
namespace {

class MappingTest : public testing::Test {
 protected:
  MappingTest() { EXPECT_TRUE(file_.reserve(8192).ok()); }

  test::TemporaryDirectory directory_;
  std::string path_ = directory_.file("shared");
  File file_ = std::move(File::create(path_, {})).value();
};

TEST_F(MappingTest, TwoMappingsOfAFileSeeEachOther) {
  Mapping first = std::move(Mapping::map(file_, 8192, Protection::kReadWrite)).value();
  File again = std::move(File::open(path_, FileAccess::kRead)).value();
  Mapping second = std::move(Mapping::map(again, 8192, Protection::kRead)).value();
  const std::byte value{42};
  first.store(5000, std::span(&value, 1));
  EXPECT_EQ(second.bytes()[5000], value);
}

TEST_F(MappingTest, KeepsTheBytesOfAnUnlinkedFile) {
  Mapping mapping = std::move(Mapping::map(file_, 8192, Protection::kReadWrite)).value();
  mapping.bytes()[1] = std::byte{7};
  ASSERT_TRUE(unlink_file(path_).ok());
  EXPECT_EQ(mapping.bytes()[1], std::byte{7});
}

TEST_F(MappingTest, AFileShorterThanExpectedIsCorruption) {
  EXPECT_EQ(Mapping::map(file_, 8193, Protection::kRead).error().code(), StatusCode::kCorruption);
}

TEST_F(MappingTest, AForkedChildHasNoAccess) {
  Mapping mapping = std::move(Mapping::map(file_, 8192, Protection::kReadWrite)).value();
  const volatile std::byte* const address = mapping.bytes().data();
  test::ChildProcess child([address] {
    ::signal(SIGSEGV, [](int) { ::_exit(9); });
    return static_cast<int>(*address);
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 9));
}

TEST_F(MappingTest, AForkedChildDoesNotUnmapWhatItHasPutThere) {
  std::optional<Mapping> mapping(std::move(Mapping::map(file_, 8192, Protection::kRead)).value());
  std::optional<Mapping> other(std::move(Mapping::map(file_, 8192, Protection::kRead)).value());
  test::ChildProcess child([&] {
    const auto fill = [](const Mapping& hole) {
      return static_cast<char*>(::mmap(hole.bytes().data(), hole.bytes().size(),
                                       PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    };
    char* const mine[] = {fill(*mapping), fill(*other)};
    for (char* bytes : mine) {
      if (bytes == MAP_FAILED) return 1;
    }
    *mapping = std::move(*other);
    mapping.reset();
    other.reset();
    for (char* bytes : mine) *bytes = 'x';  // a fault if it is not there any more
    return 0;
  });
  EXPECT_TRUE(test::exited_with(child.wait(), 0));
}

}  // namespace
}  // namespace tidelock::os
