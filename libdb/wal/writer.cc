#include "wal/writer.h"

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "os/crash_point.h"

namespace tidelock::wal {

namespace {

using Bytes = std::span<const std::byte>;
using Pieces = std::span<const Bytes>;

// Larger records go to the file piece by piece, smaller ones by one call from a copy.
constexpr std::uint64_t kAssembledMax = std::uint64_t{64} << 10;

std::uint64_t total_size(Pieces pieces) {
  std::uint64_t size = 0;
  for (const Bytes& piece : pieces) size += piece.size();
  return size;
}

[[gnu::cold, gnu::noinline]] Status explain(const LogFile& log, const Position& end,
                                            std::uint64_t payload_size, std::uint64_t durable_lsn) {
  const std::string where = "append to " + log.file().path() + ": ";
  if (payload_size == 0) return Status(StatusCode::kInvalid, where + "no operations");
  if (payload_size > kPayloadSizeMax) {
    return Status(StatusCode::kTooLarge,
                  where + std::to_string(payload_size) + " bytes are too much for one record");
  }
  if (durable_lsn > end.lsn) {
    return Status(StatusCode::kCorruption, where + "its end " + std::to_string(end.lsn) +
                                               " lies below " + std::to_string(durable_lsn) +
                                               ", which was once durable");
  }
  if (log.contains(end)) {
    return Status(StatusCode::kLimit, where + "no room for " + std::to_string(payload_size) +
                                          " bytes at " + std::to_string(end.lsn));
  }
  return Status(StatusCode::kCorruption, where + "it cannot end at " + std::to_string(end.lsn) +
                                             " after sequence number " +
                                             std::to_string(end.last_sequence));
}

Status check(const LogFile& log, const Position& end, std::uint64_t payload_size,
             std::uint64_t durable_lsn) {
  if (payload_size != 0 && log.contains(end) && log.fits(end.lsn, payload_size) &&
      durable_lsn <= end.lsn) [[likely]] {
    return {};
  }
  return explain(log, end, payload_size, durable_lsn);
}

void copy(std::byte* out, Pieces pieces) {
  for (const Bytes& piece : pieces) {
    if (piece.empty()) continue;
    std::memcpy(out, piece.data(), piece.size());
    out += piece.size();
  }
}

// One record on its way: its payload first, then its header, which needs the payload's hash.
class Append {
 public:
  Append(LogFile& log, std::uint64_t lsn, Pieces payload, std::uint64_t payload_size, Via via);

  // Yields the chain value.
  Result<std::uint64_t> put_payload(std::uint64_t seed);
  Status put_header(const RecordHeader& header);

 private:
  Status write_pieces();

  LogFile& log_;
  os::Mapping* mapping_;  // null: by write calls
  Pieces payload_;
  std::uint64_t payload_size_;
  std::uint64_t offset_;
  std::byte* record_ = nullptr;  // in the mapping, or in the scratch buffer; null: piece by piece
};

Append::Append(LogFile& log, std::uint64_t lsn, Pieces payload, std::uint64_t payload_size, Via via)
    : log_(log),
      mapping_(via == Via::kMapping ? log.mapping() : nullptr),
      payload_(payload),
      payload_size_(payload_size),
      offset_(log.offset_of(lsn)) {
  if (mapping_ != nullptr) {
    record_ = mapping_->bytes().data() + offset_;
  } else if (payload_size <= kAssembledMax) {
    log.scratch().resize(record_size(kAssembledMax));
    record_ = log.scratch().data();
  }
}

Result<std::uint64_t> Append::put_payload(std::uint64_t seed) {
  if (record_ == nullptr) {
    if (Status status = write_pieces(); !status.ok()) return status;
    return chain_value(seed, payload_);
  }
  std::byte* const payload = record_ + sizeof(RecordHeader);
  std::memset(record_ + record_size(payload_size_) - kRecordAlignment, 0, kRecordAlignment);
  copy(payload, payload_);
  return chain_value(seed, Bytes(payload, payload_size_));
}

Status Append::write_pieces() {
  std::uint64_t offset = offset_ + sizeof(RecordHeader);
  for (const Bytes& piece : payload_) {
    if (Status status = log_.file().write(offset, piece); !status.ok()) return status;
    offset += piece.size();
  }
  constexpr std::array<std::byte, kRecordAlignment> kZeroes{};
  const std::uint64_t padding = record_size(payload_size_) - sizeof(RecordHeader) - payload_size_;
  return log_.file().write(offset, Bytes(kZeroes).first(padding));
}

Status Append::put_header(const RecordHeader& header) {
  if (record_ == nullptr) return log_.file().write(offset_, std::as_bytes(std::span(&header, 1)));
  std::memcpy(record_, &header, sizeof(header));
  const std::uint64_t size = record_size(payload_size_);
  if (mapping_ == nullptr) return log_.file().write(offset_, Bytes(record_, size));
  mapping_->announce_store(offset_, size);
  return {};
}

Result<Position> append_pieces(LogFile& log, const Position& end, Pieces payload,
                               std::uint32_t operations, const AppendOptions& options) {
  const std::uint64_t payload_size = total_size(payload);
  if (Status status = check(log, end, payload_size, options.durable_lsn); !status.ok()) {
    return status;
  }
  RecordHeader header{.magic = kRecordMagic,
                      .payload_size = static_cast<std::uint32_t>(payload_size),
                      .lsn = end.lsn,
                      .first_sequence = end.last_sequence + 1,
                      .durable_lsn = options.durable_lsn,
                      .operations = operations,
                      .checksum = 0,
                      .chain = 0};
  header.checksum = checksum_of(header, log.header().uuid);
  Append record(log, end.lsn, payload, payload_size, options.via);
  Result<std::uint64_t> chain = record.put_payload(payload_seed(header, end.chain));
  if (!chain) return chain.error();
  header.chain = *chain;
  TIDELOCK_CRASH_POINT("wal.record_half");
  if (Status status = record.put_header(header); !status.ok()) return status;
  TIDELOCK_CRASH_POINT("wal.record_copied");
  return Position{.lsn = end.lsn + record_size(payload_size),
                  .last_sequence = end.last_sequence + operations,
                  .chain = header.chain};
}

Bytes bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

Result<Position> append(LogFile& log, const Position& end, const EncodedOperations& operations,
                        const AppendOptions& options) {
  return append_pieces(log, end, {&operations.payload, 1}, operations.count, options);
}

Result<Position> append(LogFile& log, const Position& end, const Operation& operation,
                        const AppendOptions& options) {
  const OperationFrame frame(operation);
  const std::array<Bytes, 4> pieces = {frame.opening(), bytes_of(operation.key), frame.middle(),
                                       bytes_of(operation.value)};
  return append_pieces(log, end, pieces, 1, options);
}

}  // namespace tidelock::wal
