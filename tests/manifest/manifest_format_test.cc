#include "manifest/manifest_format.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include "manifest/manifest_reader.h"
#include "manifest_samples.h"
#include "support/temporary_directory.h"

namespace tidelock::manifest {
namespace {

constexpr ManifestId kId{.uuid = {0x0706050403020100, 0x0f0e0d0c0b0a0908}, .number = 7};
constexpr std::uint64_t kSalt = 0x1122334455667788;

// clang-format off
const std::string kHeader =
    "544944454d414e49" "01000000" "00000000" "000102030405060708090a0b0c0d0e0f" "0700000000000000"
    "8877665544332211" "0000000000000000" "7c124dfebc7dd801";
const std::string kFirstRecord =
    "003d5111e79838c2" "4000000000000000" "2c600709341360e3" "43000000" "01000000"
    "0800" "13000000" "01" "00" "00" "0000000400000000" "00100000" "0a000000"
    "0300" "08000000" "0100000000000000"
    "0900" "08000000" "0a00000000000000"
    "0a00" "08000000" "0100000000000000";
const std::string kEndMark =
    "ee7f4b09d853f4f1" "a300000000000000" "bb4da6bb78ec3973" "00000000" "02000000";
// clang-format on

std::string from_hex(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

TEST(ManifestFormat, HasTheDocumentedBytes) {
  EXPECT_EQ(hex(encode_manifest_header({.id = kId, .salt = kSalt})), kHeader);
  const std::vector<std::byte> payload = encode_edit(creation());
  const std::uint64_t chain = extend_chain(kSalt, payload);
  RecordHeader record{.offset = kManifestHeaderSize,
                      .chain = chain,
                      .length = static_cast<std::uint32_t>(payload.size())};
  EXPECT_EQ(hex(encode_record_header(record, kSalt)) + hex(payload), kFirstRecord);
  record = {.offset = kManifestHeaderSize + kRecordHeaderSize + payload.size(),
            .chain = extend_chain(chain, {}),
            .length = 0,
            .kind = RecordKind::kEndMark};
  EXPECT_EQ(hex(encode_record_header(record, kSalt)), kEndMark);
}

TEST(ManifestFormat, IsReadAsDocumented) {
  test::TemporaryDirectory directory;
  write_file(directory.file("MANIFEST-000007"), from_hex(kHeader + kFirstRecord + kEndMark));
  Result<ManifestReader> reader = ManifestReader::open(directory.path(), kId);
  ASSERT_TRUE(reader.has_value()) << reader.status().to_string();
  const Status status = reader->read_all();
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(fingerprint(reader->version()), fingerprint(version_of({creation()})));
  EXPECT_TRUE(reader->synced());
}

TEST(ManifestFormat, FindsAHeaderOnlyWhereItWasWritten) {
  const RecordHeader record{.offset = 100, .chain = 5, .length = 0};
  const auto bytes = encode_record_header(record, kSalt);
  EXPECT_TRUE(decode_record_header(bytes, 100, kSalt).has_value());
  EXPECT_FALSE(decode_record_header(bytes, 101, kSalt).has_value());
  EXPECT_FALSE(decode_record_header(bytes, 100, kSalt + 1).has_value());
}

TEST(ManifestFormat, RefusesANewerFormatAndAnUnknownRecordByName) {
  test::TemporaryDirectory directory;
  const std::string path = directory.file("MANIFEST-000007");
  RecordHeader record{.offset = kManifestHeaderSize,
                      .chain = extend_chain(kSalt, {}),
                      .length = 0,
                      .kind = static_cast<RecordKind>(9)};
  write_file(path, from_hex(kHeader + hex(encode_record_header(record, kSalt))));
  Result<ManifestReader> reader = ManifestReader::open(directory.path(), kId);
  ASSERT_TRUE(reader.has_value());
  const Status status = reader->read_all();
  EXPECT_EQ(status.code(), StatusCode::kUnsupported);
  EXPECT_NE(status.message().find("record kind 9"), std::string::npos);

  std::string newer = from_hex(kHeader);
  newer[8] = 2;
  const std::uint64_t checksum = XXH3_64bits(newer.data(), newer.size() - 8);
  for (std::size_t i = 0; i < 8; ++i) {
    newer[newer.size() - 8 + i] = static_cast<char>(checksum >> (8 * i));
  }
  write_file(path, newer);
  reader = ManifestReader::open(directory.path(), kId);
  EXPECT_EQ(reader.error().code(), StatusCode::kUnsupported);
  EXPECT_NE(reader.error().message().find("format version 2"), std::string::npos);
}

}  // namespace
}  // namespace tidelock::manifest
