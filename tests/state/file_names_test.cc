#include "state/file_names.h"

#include <gtest/gtest.h>

namespace tidelock::state {
namespace {

constexpr FileKind kKinds[] = {FileKind::kLog, FileKind::kArena, FileKind::kTable,
                               FileKind::kTemporary, FileKind::kManifest};

TEST(FileNames, WhatIsMadeIsParsed) {
  for (const FileKind kind : kKinds) {
    for (const std::uint64_t number : {0ULL, 7ULL, 999'999ULL, 1'000'000ULL, 1ULL << 62}) {
      const auto parsed = parse_file_name(file_path("", kind, number).substr(1));
      ASSERT_TRUE(parsed.has_value()) << number;
      EXPECT_EQ(parsed->kind, kind);
      EXPECT_EQ(parsed->number, number);
    }
  }
}

TEST(FileNames, WhatIsNotExactlyOursIsNotParsed) {
  for (const char* name :
       {"7.wal", "2.sst", "99.mem", "0000007.wal", "MANIFEST-1", "MANIFEST-0000001", "2.sst.tmp",
        "-00001.sst", "+00001.sst", " 00001.sst", "00001x.sst", ".sst", "000001.SST",
        "99999999999999999999999.sst", "000001.sst.tmp.tmp", "MANIFEST-", "000001"}) {
    EXPECT_FALSE(parse_file_name(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace tidelock::state
