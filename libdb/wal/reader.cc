#include "wal/reader.h"

#include <algorithm>
#include <cstring>

#include "wal/operation.h"

namespace tidelock::wal {

namespace {

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](std::byte byte) { return byte == std::byte{}; });
}

RecordHeader header_at(std::span<const std::byte> bytes) {
  RecordHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  return header;
}

// Whether some writer of this database wrote these bytes as a record's header.
bool genuine(const RecordHeader& header, const Uuid& uuid) {
  return header.magic == kRecordMagic && header.checksum == checksum_of(header, uuid) &&
         header.payload_size <= kPayloadSizeMax && header.durable_lsn <= header.lsn &&
         header.operations != 0 && header.operations <= header.payload_size / kOperationSizeMin;
}

bool continues(const RecordHeader& header, const Position& position) {
  return header.lsn == position.lsn && header.first_sequence == position.last_sequence + 1 &&
         header.first_sequence <= kNumberMax;
}

}  // namespace

const char* to_string(Stop stop) noexcept {
  switch (stop) {
    case Stop::kCleanEnd:
      return "end of the records";
    case Stop::kTornTail:
      return "a record that is cut off";
    case Stop::kBadHeader:
      return "a damaged or foreign record header";
    case Stop::kBadChain:
      return "a record whose checksum does not fit";
  }
  return "unknown";
}

bool RecordReader::stop_at(Stop stop) {
  stop_ = stop;
  return false;
}

bool RecordReader::next() {
  if (bytes_.size() < sizeof(RecordHeader)) {
    return stop_at(all_zero(bytes_) ? Stop::kCleanEnd : Stop::kTornTail);
  }
  const RecordHeader header = header_at(bytes_);
  if (header.magic == 0) {
    const bool untouched = all_zero(bytes_.first(sizeof(RecordHeader)));
    return stop_at(untouched ? Stop::kCleanEnd : Stop::kTornTail);
  }
  if (!genuine(header, uuid_) || !continues(header, position_)) return stop_at(Stop::kBadHeader);
  const std::uint64_t size = record_size(header.payload_size);
  if (size > bytes_.size()) return stop_at(Stop::kTornTail);
  const auto payload = bytes_.subspan(sizeof(RecordHeader), header.payload_size);
  const auto padding = bytes_.first(size).subspan(sizeof(RecordHeader) + header.payload_size);
  const std::uint64_t chain = chain_value(payload_seed(header, position_.chain), payload);
  if (header.chain != chain || !all_zero(padding)) return stop_at(Stop::kBadChain);
  position_ = {.lsn = header.lsn + size,
               .last_sequence = position_.last_sequence + header.operations,
               .chain = chain};
  record_ = {.lsn = header.lsn,
             .first_sequence = header.first_sequence,
             .durable_lsn = header.durable_lsn,
             .operations = header.operations,
             .payload = payload,
             .end = position_};
  bytes_ = bytes_.subspan(size);
  return true;
}

std::optional<RecordHeader> genuine_header(std::span<const std::byte> bytes, const Uuid& uuid) {
  if (bytes.size() < sizeof(RecordHeader)) return std::nullopt;
  const RecordHeader header = header_at(bytes);
  if (!genuine(header, uuid)) return std::nullopt;
  return header;
}

std::uint64_t claimed_durable(std::span<const std::byte> bytes, std::optional<std::uint64_t> lsn,
                              const Uuid& uuid) {
  std::uint64_t durable_lsn = 0;
  for (std::size_t at = 0; at + sizeof(RecordHeader) <= bytes.size(); at += kRecordAlignment) {
    std::uint32_t magic;
    std::memcpy(&magic, bytes.data() + at, sizeof(magic));
    if (magic != kRecordMagic) continue;
    const RecordHeader header = header_at(bytes.subspan(at));
    if (!genuine(header, uuid) || (lsn && header.lsn != *lsn + at)) continue;
    durable_lsn = std::max(durable_lsn, header.durable_lsn);
  }
  return durable_lsn;
}

}  // namespace tidelock::wal
