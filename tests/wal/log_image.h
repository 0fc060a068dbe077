#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wal/format.h"
#include "wal/operation.h"
#include "wal/replay.h"

namespace tidelock::wal::test {

inline constexpr Uuid kUuid = {0x0123456789abcdef, 0xfedcba9876543210};

inline std::string put_payload(std::string_view key, std::string_view value) {
  std::string payload;
  append_operation(payload, {.kind = OperationKind::kPut, .key = key, .value = value});
  return payload;
}

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The bytes of a record behind `end`, by the words of format.h, without the writer. Moves `end`
// behind it. `operations` is believed.
inline std::vector<std::byte> record_bytes(Position& end, std::string_view payload,
                                           std::uint64_t durable_lsn = 0,
                                           std::uint32_t operations = 1) {
  RecordHeader header{.magic = kRecordMagic,
                      .payload_size = static_cast<std::uint32_t>(payload.size()),
                      .lsn = end.lsn,
                      .first_sequence = end.last_sequence + 1,
                      .durable_lsn = durable_lsn,
                      .operations = operations,
                      .checksum = 0,
                      .chain = 0};
  header.checksum = checksum_of(header, kUuid);
  header.chain = chain_value(payload_seed(header, end.chain), bytes_of(payload));
  std::vector<std::byte> bytes(record_size(payload.size()));
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + sizeof(header), payload.data(), payload.size());
  end = {.lsn = end.lsn + bytes.size(),
         .last_sequence = end.last_sequence + operations,
         .chain = header.chain};
  return bytes;
}

// A log file in memory.
class LogImage {
 public:
  explicit LogImage(const LogHeader& log_header, std::size_t room = 640)
      : header(log_header), bytes(kHeaderSize + room), end(start_of(log_header)) {
    const EncodedLogHeader encoded = encode(header);
    std::memcpy(bytes.data(), &encoded, sizeof(encoded));
  }

  // Appends a record. Yields the place it begins at.
  Position add(std::string_view payload, std::uint64_t durable_lsn = 0,
               std::uint32_t operations = 1) {
    const Position begin = end;
    const std::vector<std::byte> record = record_bytes(end, payload, durable_lsn, operations);
    std::memcpy(at(begin.lsn), record.data(), record.size());
    return begin;
  }

  [[nodiscard]] std::byte* at(std::uint64_t lsn) {
    return bytes.data() + kHeaderSize + (lsn - header.base_lsn);
  }
  [[nodiscard]] Log log() const {
    return {
        .number = header.number, .name = std::to_string(header.number) + ".wal", .bytes = bytes};
  }
  [[nodiscard]] Seal seal() const {
    return {.number = header.number, .lsn = end.lsn, .chain = end.chain};
  }
  // The header of a log that continues this one here.
  [[nodiscard]] LogHeader next_header(std::uint64_t number) const {
    return {.number = number,
            .base_lsn = end.lsn,
            .base_sequence = end.last_sequence,
            .salt = header.salt * 31 + number,
            .predecessor = header.number,
            .predecessor_chain = end.chain,
            .uuid = header.uuid};
  }

  LogHeader header;
  std::vector<std::byte> bytes;
  Position end;
};

inline LogHeader first_header() {
  return {.number = 1, .salt = 0x5a17, .uuid = kUuid};
}

// What a replay passed on, one text a record: "log: payload".
struct Collected {
  std::vector<std::string> records;
  RecordCallback callback() {
    return [this](std::uint64_t number, const Record& record) {
      records.push_back(std::to_string(number) + ": " + text_of(record.payload));
      return Status();
    };
  }
};

}  // namespace tidelock::wal::test
