#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "state/layout.h"
#include "tidelock/status.h"

// The bytes of a write-ahead log, `n.wal`. A log is a header page of 4,096 bytes and then records,
// each behind the one before it, until the first that is not one. All numbers are little-endian.
//
// A position in the log is an LSN: a count of bytes from the beginning of the database's life,
// through all its logs, header pages left out. In log n it lies at file offset
// 4096 + (lsn - base_lsn). Records begin at multiples of 8.
//
// What makes bytes a record is that they continue what lies before them: each record carries a
// chain value, a hash of its own bytes seeded with the chain value before it, and the first is
// seeded from the log's header, which holds a random salt. So nothing that a dead writer, an
// earlier life of the file, or a power cut left behind can parse as a continuation.
namespace tidelock::wal {

inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::uint64_t kHeaderSize = 4096;  // bytes before the first record
inline constexpr std::size_t kRecordAlignment = 8;
// Operations of one record, encoded. Twice what the public limits allow, room for their framing.
inline constexpr std::uint64_t kPayloadSizeMax = std::uint64_t{1} << 31;
// No LSN, sequence number or file number is larger, so sums of them do not overflow.
inline constexpr std::uint64_t kNumberMax = std::uint64_t{1} << 62;

// The database's, as CURRENT has it.
using Uuid = std::array<std::uint64_t, 2>;

// A place between two records, all there is to know to append there or to read on: the LSN, the
// sequence number of the last operation before it, and the chain value of the record before it (of
// the log's header, if there is none).
using state::Position;

// What a log's header page says. Written once, before the log's first record; a recycled file gets
// another number and another salt.
struct LogHeader {
  std::uint64_t number = 0;             // as in the file's name
  std::uint64_t base_lsn = 0;           // where its records begin
  std::uint64_t base_sequence = 0;      // last sequence number before
  std::uint64_t salt = 0;               // random
  std::uint64_t predecessor = 0;        // number of the log that ends at base_lsn; 0: none
  std::uint64_t predecessor_chain = 0;  // chain value at its end
  Uuid uuid{};
  bool operator==(const LogHeader&) const = default;
};

// The first bytes of the header page; the rest of the page is zero, and only `check` looks at it.
struct EncodedLogHeader {
  std::array<char, 8> magic;            //   0  "tidewal\n"
  std::uint32_t version;                //   8  format version
  std::uint32_t incompatible_features;  //  12  bits; a reader that does not know one refuses
  std::uint64_t number;                 //  16
  std::uint64_t base_lsn;               //  24
  std::uint64_t base_sequence;          //  32
  std::uint64_t salt;                   //  40
  std::uint64_t predecessor;            //  48
  std::uint64_t predecessor_chain;      //  56
  Uuid uuid;                            //  64
  std::array<std::byte, 40> reserved;   //  80  zero
  std::uint64_t checksum;               // 120  XXH3_64 of bytes 0 to 119
};
static_assert(sizeof(EncodedLogHeader) == 128 && std::is_trivial_v<EncodedLogHeader>);
static_assert(offsetof(EncodedLogHeader, version) == 8);
static_assert(offsetof(EncodedLogHeader, number) == 16);
static_assert(offsetof(EncodedLogHeader, uuid) == 64);
static_assert(offsetof(EncodedLogHeader, checksum) == 120);

[[nodiscard]] std::uint64_t checksum_of(const EncodedLogHeader& header);
[[nodiscard]] EncodedLogHeader encode(const LogHeader& header);
// What stands in it, sound or not.
[[nodiscard]] LogHeader as_read(const EncodedLogHeader& encoded);

enum class HeaderState : std::uint8_t {
  kGood,
  kEmpty,    // zero, or of another number (a recycled file not begun yet): the log holds nothing
  kDamaged,  // neither zero nor whole
};

struct DecodedLogHeader {
  HeaderState state = HeaderState::kEmpty;
  LogHeader header{};  // meaningful when kGood
};

// `bytes` begin with the file; fewer than a header has are as good as none. kUnsupported for a
// whole header of a newer format or with unknown features; no other errors.
[[nodiscard]] Result<DecodedLogHeader> decode_log_header(std::span<const std::byte> bytes,
                                                         std::uint64_t number);

// Where in the header page, behind the header, the first byte is that is not zero, if there is one.
// `log` begins with the file.
[[nodiscard]] std::optional<std::size_t> find_in_filler(std::span<const std::byte> log);

// Where the log's records begin.
[[nodiscard]] Position start_of(const LogHeader& header);

// One record: this header, the payload (operation.h), zeroes up to a multiple of 8.
struct RecordHeader {
  std::uint32_t magic;           //  0  kRecordMagic
  std::uint32_t payload_size;    //  4  bytes, never 0
  std::uint64_t lsn;             //  8  of this record's first byte
  std::uint64_t first_sequence;  // 16  of its first operation; the others follow one by one
  std::uint64_t durable_lsn;     // 24  everything below was on disk when this was written
  std::uint32_t operations;      // 32  never 0
  std::uint32_t checksum;        // 36  of bytes 0 to 35: a damaged length is not a torn tail
  std::uint64_t chain;           // 40  over bytes 0 to 39 and the payload
};
static_assert(sizeof(RecordHeader) == 48 && std::is_trivial_v<RecordHeader>);
static_assert(offsetof(RecordHeader, lsn) == 8);
static_assert(offsetof(RecordHeader, checksum) == 36);
static_assert(offsetof(RecordHeader, chain) == 40);

inline constexpr std::uint32_t kRecordMagic = 0x57746c54;  // "TltW"

// Bytes that a record with such a payload takes in the log.
[[nodiscard]] constexpr std::uint64_t record_size(std::uint64_t payload_size) {
  const std::uint64_t size = sizeof(RecordHeader) + payload_size;
  return (size + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

// XXH3_64 of the first 36 bytes, seeded with the first half of the uuid; its low 32 bits. Bound to
// the database and nothing else, so that it can be judged where the log's header is lost.
[[nodiscard]] std::uint32_t checksum_of(const RecordHeader& header, const Uuid& uuid);

// Seed of the payload's hash, which is the chain value: XXH3_64 of the first 40 bytes, seeded with
// the chain value before.
[[nodiscard]] std::uint64_t payload_seed(const RecordHeader& header, std::uint64_t previous_chain);
[[nodiscard]] std::uint64_t chain_value(std::uint64_t payload_seed,
                                        std::span<const std::byte> payload);
[[nodiscard]] std::uint64_t chain_value(std::uint64_t payload_seed,
                                        std::span<const std::span<const std::byte>> pieces);

}  // namespace tidelock::wal
