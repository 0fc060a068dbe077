#include "manifest/version_edit.h"

#include <gtest/gtest.h>

#include "manifest/codec.h"
#include "manifest_samples.h"

namespace tidelock::manifest {
namespace {

VersionEdit full_edit() {
  VersionEdit edit = creation();
  edit.created->compression = Compression::kZstd;
  edit.next_file_number = 9;
  edit.last_sequence = 1000;
  edit.seal = Seal{.log = 7, .end = 4096, .chain = 0x1122334455667788};
  edit.removed = {{1, 3}};
  edit.added = {{2, table(5, "ab", "cd")}};
  return edit;
}

std::vector<std::byte> field(std::uint16_t tag, const Encoder& body) {
  Encoder out;
  out.put(tag);
  out.put(static_cast<std::uint32_t>(body.size()));
  out.put_raw(body.bytes());
  return std::move(out).take();
}

TEST(VersionEdit, HasTheDocumentedBytes) {
  // clang-format off
  EXPECT_EQ(hex(encode_edit(full_edit())),
            "0800" "13000000" "01" "02" "00" "0000000400000000" "00100000" "0a000000"
            "0300" "08000000" "0100000000000000"
            "0900" "08000000" "0a00000000000000"
            "0a00" "08000000" "0100000000000000"
            "0400" "08000000" "0900000000000000"
            "0500" "08000000" "e803000000000000"
            "0600" "18000000" "0700000000000000" "0010000000000000" "8877665544332211"
            "0100" "0c000000" "01000000" "0300000000000000"
            "0200" "4c000000" "02000000" "00000000" "0500000000000000" "0000000000000000"
            "ed03000000000000" "0a00000000000000" "0100000000000000" "0200000000000000"
            "f401000000000000" "02000000" "6162" "02000000" "6364");
  // clang-format on
}

TEST(VersionEdit, ComesBackAsItWas) {
  const VersionEdit edit = full_edit();
  Result<VersionEdit> back = decode_edit(encode_edit(edit));
  ASSERT_TRUE(back.has_value()) << back.status().to_string();
  EXPECT_EQ(back->created, edit.created);
  EXPECT_EQ(back->oldest_log, edit.oldest_log);
  EXPECT_EQ(back->oldest_lsn, edit.oldest_lsn);
  EXPECT_EQ(back->oldest_sequence, edit.oldest_sequence);
  EXPECT_EQ(back->next_file_number, edit.next_file_number);
  EXPECT_EQ(back->last_sequence, edit.last_sequence);
  EXPECT_EQ(back->seal, edit.seal);
  EXPECT_FALSE(back->clear_seal);
  EXPECT_EQ(back->removed, edit.removed);
  ASSERT_EQ(back->added.size(), 1u);
  EXPECT_EQ(back->added[0].level, 2u);
  EXPECT_EQ(*back->added[0].file, *edit.added[0].file);
}

TEST(VersionEdit, MayBeEmptyOrClearTheSeal) {
  EXPECT_TRUE(encode_edit({}).empty());
  EXPECT_TRUE(decode_edit({}).has_value());
  VersionEdit edit;
  edit.clear_seal = true;
  EXPECT_TRUE(decode_edit(encode_edit(edit))->clear_seal);
}

TEST(VersionEdit, KeepsKeysOfAnyBytes) {
  VersionEdit edit;
  const std::string longest(kKeySizeMax, '\xff');
  edit.added = {{1, table(1, std::string("\0\xff\n", 3), longest)}, {1, table(2, "", "")}};
  Result<VersionEdit> back = decode_edit(encode_edit(edit));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back->added[0].file, *edit.added[0].file);
  EXPECT_EQ(*back->added[1].file, *edit.added[1].file);
}

TEST(VersionEdit, CutShortAnywhereIsAnotherEditOrCorruption) {
  const std::vector<std::byte> whole = encode_edit(full_edit());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = std::span(whole).first(size);
    Result<VersionEdit> edit = decode_edit(cut);
    if (edit) {
      EXPECT_EQ(hex(encode_edit(*edit)), hex(cut));
    } else {
      EXPECT_EQ(edit.error().code(), StatusCode::kCorruption) << edit.error().to_string();
    }
  }
}

TEST(VersionEdit, RefusesAnUnknownFieldByName) {
  Result<VersionEdit> edit = decode_edit(field(77, Encoder()));
  ASSERT_FALSE(edit.has_value());
  EXPECT_EQ(edit.error().code(), StatusCode::kUnsupported);
  EXPECT_NE(edit.error().message().find("unknown field 77"), std::string::npos);
}

TEST(VersionEdit, PassesOverAnUnknownFieldThatSaysSo) {
  Encoder body;
  body.put_string("from the future");
  std::vector<std::byte> bytes = field(0x8000 | 77, body);
  const std::vector<std::byte> known = encode_edit(full_edit());
  bytes.insert(bytes.end(), known.begin(), known.end());
  Result<VersionEdit> edit = decode_edit(bytes);
  ASSERT_TRUE(edit.has_value()) << edit.status().to_string();
  EXPECT_EQ(encode_edit(*edit), known);
}

TEST(VersionEdit, RefusesUnknownValuesByName) {
  struct Case {
    std::size_t offset;  // in the bytes of a creation edit
    std::string expected;
  };
  for (const Case& c :
       {Case{6, "engine 9"}, Case{7, "compression 9"}, Case{8, "compaction style 9"}}) {
    std::vector<std::byte> bytes = encode_edit(creation());
    bytes[c.offset] = std::byte{9};
    Result<VersionEdit> edit = decode_edit(bytes);
    ASSERT_FALSE(edit.has_value());
    EXPECT_EQ(edit.error().code(), StatusCode::kUnsupported);
    EXPECT_NE(edit.error().message().find(c.expected), std::string::npos);
  }
}

TEST(VersionEdit, RefusesAnotherKeyspaceByName) {
  constexpr std::size_t kKeyspaceOffset = 10;  // behind tag, length and level
  VersionEdit only_a_table;
  only_a_table.added = flush(1, 1).added;
  std::vector<std::byte> bytes = encode_edit(only_a_table);
  bytes[kKeyspaceOffset] = std::byte{3};
  Result<VersionEdit> edit = decode_edit(bytes);
  ASSERT_FALSE(edit.has_value());
  EXPECT_EQ(edit.error().code(), StatusCode::kUnsupported);
  EXPECT_NE(edit.error().message().find("keyspace 3"), std::string::npos);
}

TEST(VersionEdit, RefusesAFieldOfWrongLengthOrStandingTwice) {
  Encoder body;
  body.put(std::uint64_t{1});
  std::vector<std::byte> twice = field(4, body);
  const std::vector<std::byte> once = twice;
  twice.insert(twice.end(), once.begin(), once.end());
  EXPECT_TRUE(decode_edit(once).has_value());
  EXPECT_EQ(decode_edit(twice).error().code(), StatusCode::kCorruption);
  body.put(std::uint8_t{1});
  EXPECT_EQ(decode_edit(field(4, body)).error().code(), StatusCode::kCorruption);
}

TEST(VersionEdit, SaysWhereTheDamageIs) {
  std::vector<std::byte> bytes = encode_edit(creation());
  const std::size_t start = bytes.size();
  bytes.push_back(std::byte{3});
  EXPECT_NE(decode_edit(bytes).error().message().find("byte " + std::to_string(start)),
            std::string::npos);
}

}  // namespace
}  // namespace tidelock::manifest
