// Any bytes as operations, as records and as a log file; and whole logs with some of their bytes
// changed, as they are or with checksums put right again, which no mutation finds.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "fuzz/input.h"
#include "wal/log_image.h"
#include "wal/operation.h"
#include "wal/reader.h"
#include "wal/replay.h"
#include "wal/salvage.h"

namespace tidelock::fuzz {

namespace {

using namespace tidelock::wal;
using wal::test::kUuid;
using wal::test::LogImage;

void require_refusal(const Status& status) {
  require(status.code() == StatusCode::kCorruption || status.code() == StatusCode::kUnsupported);
}

bool within(std::string_view part, Bytes whole) {
  const auto* begin = reinterpret_cast<const char*>(whole.data());
  return part.empty() ||
         (part.data() >= begin && part.data() + part.size() <= begin + whole.size());
}

void check_operations(Bytes payload, std::uint32_t count) {
  OperationReader reader(payload, count);
  std::string encoded;
  while (reader.next()) {
    require(within(reader.operation().key, payload) && within(reader.operation().value, payload));
    append_operation(encoded, reader.operation());
  }
  if (!reader.status().ok()) return require_refusal(reader.status());
  require(encoded.size() <= payload.size());
}

// Yields the payloads, if it succeeds.
std::vector<std::string> check_replay(std::span<const Log> logs, const ReplayRequest& request) {
  std::vector<std::string> payloads;
  Position end{};
  const auto on_record = [&](std::uint64_t, const Record& record) {
    require(end.lsn == 0 ||
            (record.lsn == end.lsn && record.first_sequence == end.last_sequence + 1));
    require(record.end.lsn == record.lsn + record_size(record.payload.size()));
    require(record.durable_lsn <= record.lsn);
    end = record.end;
    check_operations(record.payload, record.operations);
    payloads.emplace_back(text_of(record.payload));
    return Status();
  };
  const Result<Replayed> replayed = replay(logs, request, on_record);
  if (!replayed) {
    require_refusal(replayed.error());
    return {};
  }
  require(replayed->records == payloads.size());
  if (!payloads.empty()) ++believed;
  require(payloads.empty() || replayed->end.lsn == end.lsn);
  return payloads;
}

// Only records that were written are taken from what is left of a log.
void check_salvaged(const Log& log, const std::vector<std::string>* written) {
  const SalvagedLog salvaged = salvage(log, kUuid, std::nullopt);
  for (const Record& record : salvaged.records) {
    require(within(text_of(record.payload), log.bytes));
    require(written == nullptr || std::ranges::count(*written, text_of(record.payload)) > 0);
  }
  for (const LogGap& gap : salvaged.gaps) {
    require(gap.from <= gap.to && gap.to <= log.bytes.size());
  }
}

void check_bytes(Bytes bytes) {
  check_operations(bytes, static_cast<std::uint32_t>(bytes.size() / 4));
  RecordReader reader(bytes, {}, kUuid);
  while (reader.next()) require(reader.position().lsn <= bytes.size());
  static_cast<void>(claimed_durable(bytes, std::nullopt, kUuid));
  const Log log{.number = 1, .name = "1.wal", .bytes = bytes};
  static_cast<void>(check_replay({&log, 1}, {.uuid = kUuid, .oldest = 1}));
  check_salvaged(log, nullptr);
}

// Makes header and records of a changed log believable again: those that lie where they did.
void put_checksums_right(LogImage& log, const std::vector<std::uint64_t>& begins) {
  EncodedLogHeader encoded;
  std::memcpy(&encoded, log.bytes.data(), sizeof(encoded));
  encoded.checksum = checksum_of(encoded);
  std::memcpy(log.bytes.data(), &encoded, sizeof(encoded));
  const Result<DecodedLogHeader> decoded = decode_log_header(log.bytes, log.header.number);
  if (!decoded || decoded->state != HeaderState::kGood) return;
  std::uint64_t chain = start_of(decoded->header).chain;
  for (const std::uint64_t begin : begins) {
    RecordHeader header;
    std::byte* const at = log.at(begin);
    std::memcpy(&header, at, sizeof(header));
    const auto room = static_cast<std::uint64_t>(log.bytes.data() + log.bytes.size() - at);
    if (header.payload_size > room - sizeof(header)) return;
    header.checksum = checksum_of(header, kUuid);
    header.chain =
        chain_value(payload_seed(header, chain), Bytes(at + sizeof(header), header.payload_size));
    std::memcpy(at, &header, sizeof(header));
    chain = header.chain;
  }
}

std::vector<std::uint64_t> add_records(LogImage& log, Input& in, std::vector<std::string>& all) {
  std::vector<std::uint64_t> begins;
  for (std::size_t count = in.byte() % 4; count > 0; --count) {
    std::string payload(text_of(in.take(in.byte() % 64)));
    payload.resize(std::max(payload.size(), kOperationSizeMin));
    const std::uint64_t durable_lsn = in.byte() % 2 == 0 ? 0 : log.end.lsn;
    begins.push_back(log.add(payload, durable_lsn).lsn);
    all.push_back(payload);
  }
  return begins;
}

void check_changed_logs(Input in) {
  std::vector<std::string> all;
  LogImage first(wal::test::first_header());
  const std::vector<std::uint64_t> in_first = add_records(first, in, all);
  LogImage second(first.next_header(2));
  const std::vector<std::uint64_t> in_second = add_records(second, in, all);
  ReplayRequest request{.uuid = kUuid, .oldest = 1};
  const std::uint8_t flags = in.byte();
  if ((flags & 1) != 0) request.seal = second.seal();
  if ((flags & 2) != 0) second.bytes.resize(in.word() % second.bytes.size());
  while (!in.at_end()) {
    LogImage& log = in.byte() % 2 == 0 ? first : second;
    const std::uint16_t offset = in.word();
    const auto change = static_cast<std::byte>(in.byte());
    if (!log.bytes.empty()) log.bytes[offset % log.bytes.size()] ^= change;
  }
  const bool trusted = (flags & 4) != 0;
  if (trusted) {
    put_checksums_right(first, in_first);
    if ((flags & 2) == 0) put_checksums_right(second, in_second);
  }
  const Log logs[] = {first.log(), second.log()};
  const std::vector<std::string> found = check_replay(logs, request);
  for (const Log& log : logs) check_salvaged(log, trusted ? nullptr : &all);
  if (trusted) return;
  require(found.size() <= all.size());
  for (std::size_t i = 0; i < found.size(); ++i) require(found[i] == all[i]);
}

}  // namespace

void wal_target(Bytes bytes) {
  check_bytes(bytes);
  check_changed_logs(Input(bytes));
}

}  // namespace tidelock::fuzz
