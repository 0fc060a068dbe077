#define XXH_INLINE_ALL  // hashes of a few dozen bytes, several to an append: calls would cost most
#include "wal/format.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

namespace tidelock::wal {

static_assert(std::endian::native == std::endian::little,
              "the format is stored as it is in memory");

namespace {

constexpr std::array<char, 8> kLogMagic = {'t', 'i', 'd', 'e', 'w', 'a', 'l', '\n'};

bool all_zero(const EncodedLogHeader& header) {
  constexpr EncodedLogHeader kZero{};
  return std::memcmp(&header, &kZero, sizeof(header)) == 0;
}

bool plausible(const LogHeader& header) {
  return header.number != 0 && header.number <= kNumberMax && header.base_lsn <= kNumberMax &&
         header.base_lsn % kRecordAlignment == 0 && header.base_sequence <= kNumberMax &&
         header.predecessor < header.number;
}

Status unsupported(std::uint64_t number, const std::string& what) {
  return Status(StatusCode::kUnsupported,
                "read header of log " + std::to_string(number) + ": " + what);
}

}  // namespace

std::uint64_t checksum_of(const EncodedLogHeader& header) {
  return XXH3_64bits(&header, offsetof(EncodedLogHeader, checksum));
}

EncodedLogHeader encode(const LogHeader& header) {
  EncodedLogHeader encoded{};
  encoded.magic = kLogMagic;
  encoded.version = kFormatVersion;
  encoded.number = header.number;
  encoded.base_lsn = header.base_lsn;
  encoded.base_sequence = header.base_sequence;
  encoded.salt = header.salt;
  encoded.predecessor = header.predecessor;
  encoded.predecessor_chain = header.predecessor_chain;
  encoded.uuid = header.uuid;
  encoded.checksum = checksum_of(encoded);
  return encoded;
}

LogHeader as_read(const EncodedLogHeader& encoded) {
  return {.number = encoded.number,
          .base_lsn = encoded.base_lsn,
          .base_sequence = encoded.base_sequence,
          .salt = encoded.salt,
          .predecessor = encoded.predecessor,
          .predecessor_chain = encoded.predecessor_chain,
          .uuid = encoded.uuid};
}

Result<DecodedLogHeader> decode_log_header(std::span<const std::byte> bytes, std::uint64_t number) {
  EncodedLogHeader encoded{};
  if (bytes.size() >= sizeof(encoded)) std::memcpy(&encoded, bytes.data(), sizeof(encoded));
  if (all_zero(encoded)) return DecodedLogHeader{HeaderState::kEmpty};
  if (encoded.magic != kLogMagic || encoded.checksum != checksum_of(encoded)) {
    return DecodedLogHeader{HeaderState::kDamaged};
  }
  if (encoded.version != kFormatVersion) {
    return unsupported(number, "format version " + std::to_string(encoded.version) +
                                   ", this library reads " + std::to_string(kFormatVersion));
  }
  if (encoded.incompatible_features != 0) {
    return unsupported(number, "unknown features " + std::to_string(encoded.incompatible_features));
  }
  const LogHeader header = as_read(encoded);
  if (!plausible(header)) return DecodedLogHeader{HeaderState::kDamaged};
  if (header.number != number) return DecodedLogHeader{HeaderState::kEmpty};
  return DecodedLogHeader{HeaderState::kGood, header};
}

std::optional<std::size_t> find_in_filler(std::span<const std::byte> log) {
  for (std::size_t at = sizeof(EncodedLogHeader);
       at < std::min<std::size_t>(log.size(), kHeaderSize); ++at) {
    if (log[at] != std::byte{0}) return at;
  }
  return std::nullopt;
}

Position start_of(const LogHeader& header) {
  const EncodedLogHeader encoded = encode(header);
  return {.lsn = header.base_lsn,
          .last_sequence = header.base_sequence,
          .chain = XXH3_64bits_withSeed(&encoded, sizeof(encoded), header.salt)};
}

std::uint32_t checksum_of(const RecordHeader& header, const Uuid& uuid) {
  return static_cast<std::uint32_t>(
      XXH3_64bits_withSeed(&header, offsetof(RecordHeader, checksum), uuid[0]));
}

std::uint64_t payload_seed(const RecordHeader& header, std::uint64_t previous_chain) {
  return XXH3_64bits_withSeed(&header, offsetof(RecordHeader, chain), previous_chain);
}

std::uint64_t chain_value(std::uint64_t payload_seed, std::span<const std::byte> payload) {
  return XXH3_64bits_withSeed(payload.data(), payload.size(), payload_seed);
}

std::uint64_t chain_value(std::uint64_t payload_seed,
                          std::span<const std::span<const std::byte>> pieces) {
  XXH3_state_t state{};
  XXH3_64bits_reset_withSeed(&state, payload_seed);
  for (const auto& piece : pieces) XXH3_64bits_update(&state, piece.data(), piece.size());
  return XXH3_64bits_digest(&state);
}

}  // namespace tidelock::wal
