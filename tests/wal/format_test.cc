#include "wal/format.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>

#include "wal/log_image.h"

namespace tidelock::wal {
namespace {

using test::LogImage;

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x", static_cast<unsigned>(bytes[i]));
    text += digits;
    if (i % 16 == 15) text += '\n';
  }
  return text;
}

LogHeader example() {
  return {.number = 7,
          .base_lsn = 0x11223344556677f8,
          .base_sequence = 42,
          .salt = 0x8877665544332211,
          .predecessor = 6,
          .predecessor_chain = 0xa1a2a3a4a5a6a7a8,
          .uuid = test::kUuid};
}

std::span<const std::byte> bytes_of(const EncodedLogHeader& header) {
  return std::as_bytes(std::span(&header, 1));
}

TEST(LogHeader, HasTheseBytes) {
  EXPECT_EQ(hex(bytes_of(encode(example()))),
            "7469646577616c0a0100000000000000\n"
            "0700000000000000f877665544332211\n"
            "2a000000000000001122334455667788\n"
            "0600000000000000a8a7a6a5a4a3a2a1\n"
            "efcdab89674523011032547698badcfe\n"
            "00000000000000000000000000000000\n"
            "00000000000000000000000000000000\n"
            "0000000000000000950e3738472b64f6\n");
}

TEST(RecordHeader, AndPayloadHaveTheseBytes) {
  LogImage log(example());
  log.add(test::put_payload("key", "value"), 0x1122334455667000);
  const std::span record(log.at(example().base_lsn), record_size(12));
  EXPECT_EQ(hex(record),
            "546c74570c000000f877665544332211\n"
            "2b000000000000000070665544332211\n"
            "01000000e7522c869309425674b823c6\n"
            "0100036b65790576616c756500000000\n");
}

TEST(LogHeader, ReadsBackAsItWasWritten) {
  const EncodedLogHeader encoded = encode(example());
  const Result<DecodedLogHeader> decoded = decode_log_header(bytes_of(encoded), 7);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->state, HeaderState::kGood);
  EXPECT_EQ(decoded->header, example());
}

TEST(LogHeader, OfZeroesOrOfAnotherNumberIsAnEmptyLog) {
  const EncodedLogHeader zero{};
  EXPECT_EQ(decode_log_header(bytes_of(zero), 7)->state, HeaderState::kEmpty);
  EXPECT_EQ(decode_log_header({}, 7)->state, HeaderState::kEmpty);
  const EncodedLogHeader other = encode(example());
  EXPECT_EQ(decode_log_header(bytes_of(other), 8)->state, HeaderState::kEmpty);
}

TEST(LogHeader, IsDamagedByAnyFlippedBit) {
  for (std::size_t bit = 0; bit < sizeof(EncodedLogHeader) * 8; ++bit) {
    EncodedLogHeader encoded = encode(example());
    reinterpret_cast<unsigned char*>(&encoded)[bit / 8] ^= static_cast<unsigned char>(1 << bit % 8);
    const Result<DecodedLogHeader> decoded = decode_log_header(bytes_of(encoded), 7);
    ASSERT_TRUE(decoded) << "bit " << bit;
    EXPECT_EQ(decoded->state, HeaderState::kDamaged) << "bit " << bit;
  }
}

TEST(LogHeader, OfANewerFormatIsRefusedByName) {
  // As a newer library would write it: whole, with a checksum that fits.
  EncodedLogHeader newer = encode(example());
  newer.version = 2;
  newer.checksum = checksum_of(newer);
  const Status version = decode_log_header(bytes_of(newer), 7).status();
  EXPECT_EQ(version.code(), StatusCode::kUnsupported);
  EXPECT_NE(version.message().find("version 2"), std::string::npos) << version.message();

  EncodedLogHeader featured = encode(example());
  featured.incompatible_features = 4;
  featured.checksum = checksum_of(featured);
  const Status features = decode_log_header(bytes_of(featured), 7).status();
  EXPECT_EQ(features.code(), StatusCode::kUnsupported);
  EXPECT_NE(features.message().find("features 4"), std::string::npos) << features.message();
}

TEST(LogHeader, WithNumbersOutOfBoundsIsDamaged) {
  LogHeader far = example();
  far.base_lsn = kNumberMax + 8;
  EXPECT_EQ(decode_log_header(bytes_of(encode(far)), 7)->state, HeaderState::kDamaged);
  LogHeader odd = example();
  odd.base_lsn = 12;
  EXPECT_EQ(decode_log_header(bytes_of(encode(odd)), 7)->state, HeaderState::kDamaged);
  LogHeader ancestor = example();
  ancestor.predecessor = 7;
  EXPECT_EQ(decode_log_header(bytes_of(encode(ancestor)), 7)->state, HeaderState::kDamaged);
}

TEST(Chain, BeginsElsewhereUnderAnotherSalt) {
  LogHeader salted = example();
  salted.salt ^= 1;
  EXPECT_NE(start_of(example()).chain, start_of(salted).chain);
}

TEST(Chain, IsTheSameHashedInOnePieceOrInMany) {
  const std::string text(100'000, 'x');
  const auto bytes = test::bytes_of(text);
  for (const std::size_t size : {1, 8, 16, 17, 128, 129, 240, 241, 1000, 100'000}) {
    const auto whole = bytes.first(size);
    const std::array<std::span<const std::byte>, 3> pieces = {whole.first(size / 3),
                                                              whole.subspan(size / 3, size / 2),
                                                              whole.subspan(size / 3 + size / 2)};
    EXPECT_EQ(chain_value(99, whole), chain_value(99, pieces)) << size;
  }
}

TEST(Record, TakesAMultipleOfEightBytes) {
  EXPECT_EQ(record_size(1), 56u);
  EXPECT_EQ(record_size(8), 56u);
  EXPECT_EQ(record_size(9), 64u);
  EXPECT_EQ(record_size(kPayloadSizeMax), 48u + kPayloadSizeMax);
}

}  // namespace
}  // namespace tidelock::wal
