#include "wal/salvage.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tidelock::wal {

namespace {

// One pass over a log.
class LogSalvage {
 public:
  LogSalvage(const Log& log, const Uuid& uuid, const std::optional<LogLimit>& limit)
      : bytes_(log.bytes), uuid_(uuid), limit_(limit) {
    result_.number = log.number;
    read_header();
  }

  SalvagedLog run();

 private:
  void read_header();
  [[nodiscard]] std::optional<RecordHeader> header_at(std::uint64_t at) const;
  [[nodiscard]] bool take(std::uint64_t at, std::uint64_t chain);
  [[nodiscard]] bool take_any(std::uint64_t at);
  [[nodiscard]] bool proven_by_next(std::uint64_t at, const RecordHeader& header);
  [[nodiscard]] std::uint64_t next_header(std::uint64_t from) const;
  void lose(std::uint64_t from, std::uint64_t to, std::optional<std::uint64_t> before);
  [[nodiscard]] std::uint64_t end_offset() const;

  std::span<const std::byte> bytes_;
  const Uuid& uuid_;
  const std::optional<LogLimit>& limit_;
  std::optional<std::uint64_t> base_lsn_;
  std::vector<std::uint64_t> chains_;  // what the chain value before the next record may be
  std::uint64_t last_sequence_ = 0;    // of records that were taken, or are known to be lost
  SalvagedLog result_;
};

// A header that is damaged may still have the salt, the one thing that stands nowhere else.
void LogSalvage::read_header() {
  EncodedLogHeader raw{};
  if (bytes_.size() >= sizeof(raw)) std::memcpy(&raw, bytes_.data(), sizeof(raw));
  const LogHeader found = as_read(raw);
  const Result<DecodedLogHeader> decoded = decode_log_header(bytes_, raw.number);
  if (decoded && decoded->state == HeaderState::kGood && decoded->header.uuid == uuid_) {
    result_.header_sound = true;
    result_.header = decoded->header;
    result_.number = decoded->header.number;
    base_lsn_ = decoded->header.base_lsn;
    last_sequence_ = decoded->header.base_sequence;
    chains_ = {start_of(decoded->header).chain};
    return;
  }
  LogHeader guessed = found;
  guessed.number = result_.number;
  guessed.uuid = uuid_;
  const std::uint64_t first = next_header(kHeaderSize);
  if (const auto record = header_at(first)) {
    base_lsn_ = record->lsn - (first - kHeaderSize);
    guessed.base_lsn = *base_lsn_;
    if (first == kHeaderSize) guessed.base_sequence = record->first_sequence - 1;
    result_.header = guessed;
  }
  chains_ = {start_of(guessed).chain, start_of(found).chain};
}

std::optional<RecordHeader> LogSalvage::header_at(std::uint64_t at) const {
  if (at > bytes_.size()) return std::nullopt;
  const auto header = genuine_header(bytes_.subspan(at), uuid_);
  if (!header || header->lsn < at - kHeaderSize) return std::nullopt;
  if (base_lsn_ && header->lsn != *base_lsn_ + (at - kHeaderSize)) return std::nullopt;
  return header;
}

std::uint64_t LogSalvage::next_header(std::uint64_t from) const {
  const std::uint64_t end = end_offset();
  for (; from < end; from += kRecordAlignment) {
    if (header_at(from)) return from;
  }
  return end;
}

std::uint64_t LogSalvage::end_offset() const {
  const std::uint64_t size = bytes_.size();
  if (!limit_ || !base_lsn_ || limit_->lsn < *base_lsn_) return size;
  return std::min(size, kHeaderSize + (limit_->lsn - *base_lsn_));
}

// The record at `at`, if it continues that chain value.
bool LogSalvage::take(std::uint64_t at, std::uint64_t chain) {
  const auto header = header_at(at);
  if (!header || header->first_sequence <= last_sequence_) return false;
  RecordReader reader(bytes_.subspan(at), {header->lsn, header->first_sequence - 1, chain}, uuid_);
  if (!reader.next()) return false;
  result_.records.push_back(reader.record());
  last_sequence_ = reader.position().last_sequence;
  chains_ = {reader.position().chain};
  return true;
}

bool LogSalvage::take_any(std::uint64_t at) {
  return std::ranges::any_of(std::vector(chains_),
                             [this, at](std::uint64_t chain) { return take(at, chain); });
}

// A record whose own chain value or padding is damaged is whole if the next one continues it.
bool LogSalvage::proven_by_next(std::uint64_t at, const RecordHeader& header) {
  const std::uint64_t next = at + record_size(header.payload_size);
  if (next > bytes_.size()) return false;
  const auto payload = bytes_.subspan(at + sizeof(RecordHeader), header.payload_size);
  for (const std::uint64_t chain : std::vector(chains_)) {
    const std::uint64_t end_chain = chain_value(payload_seed(header, chain), payload);
    const Position end{header.lsn + (next - at), header.first_sequence + header.operations - 1,
                       end_chain};
    const bool padding_only = end_chain == header.chain;
    if (!padding_only && !RecordReader(bytes_.subspan(next), end, uuid_).next()) continue;
    result_.records.push_back({.lsn = header.lsn,
                               .first_sequence = header.first_sequence,
                               .durable_lsn = header.durable_lsn,
                               .operations = header.operations,
                               .payload = payload,
                               .end = end});
    last_sequence_ = end.last_sequence;
    chains_ = {end_chain};
    return true;
  }
  return false;
}

void LogSalvage::lose(std::uint64_t from, std::uint64_t to, std::optional<std::uint64_t> before) {
  if (!result_.gaps.empty() && result_.gaps.back().to == from) {
    result_.gaps.back().to = to;
    result_.gaps.back().before = before;
    return;
  }
  result_.gaps.push_back({.from = from, .to = to, .after = last_sequence_, .before = before});
}

SalvagedLog LogSalvage::run() {
  std::uint64_t at = kHeaderSize;
  const std::uint64_t end = end_offset();
  while (at < end) {
    const auto header = header_at(at);
    if (take_any(at) || (header && proven_by_next(at, *header))) {
      at += record_size(static_cast<std::uint64_t>(result_.records.back().payload.size()));
      continue;
    }
    // Of a damaged record the chain value may be left, for the next one to continue.
    std::uint64_t chain = 0;
    if (at + sizeof(RecordHeader) <= end) {
      std::memcpy(&chain, bytes_.data() + at + offsetof(RecordHeader, chain), sizeof(chain));
    }
    chains_ = {chain};
    const std::uint64_t next = header ? std::min(end, at + record_size(header->payload_size))
                                      : next_header(at + kRecordAlignment);
    if (!header && next == end) break;  // nothing but what may never have been records
    const auto behind = header_at(next);
    lose(at, next, behind ? std::optional(behind->first_sequence) : std::nullopt);
    if (header)
      last_sequence_ = std::max(last_sequence_, header->first_sequence + header->operations - 1);
    at = next;
  }
  result_.end_lsn = base_lsn_.value_or(0) + (at - kHeaderSize);
  result_.durable_lsn = claimed_durable(
      bytes_.subspan(std::min<std::uint64_t>(kHeaderSize, bytes_.size())), base_lsn_, uuid_);
  if (limit_ && base_lsn_ && result_.end_lsn < limit_->lsn) {
    lose(at, kHeaderSize + (limit_->lsn - *base_lsn_), limit_->last_sequence + 1);
  }
  return std::move(result_);
}

}  // namespace

SalvagedLog salvage(const Log& log, const Uuid& uuid, const std::optional<LogLimit>& limit) {
  return LogSalvage(log, uuid, limit).run();
}

}  // namespace tidelock::wal
