#include "lsm/log_replay.h"

#include <algorithm>
#include <utility>

#include "lsm/table_set.h"
#include "os/directory.h"
#include "os/mapping.h"
#include "state/file_names.h"
#include "wal/operation.h"

namespace tidelock::lsm {

namespace {

// Ascending.
Result<std::vector<std::uint64_t>> list_files(const std::string& directory, state::FileKind kind) {
  Result<std::vector<std::string>> names = os::list_directory(directory);
  if (!names) return names.error();
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : *names) {
    const auto parsed = state::parse_file_name(name);
    if (parsed && parsed->kind == kind) numbers.push_back(parsed->number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<std::vector<std::uint64_t>> list_logs(const std::string& directory, std::uint64_t oldest) {
  Result<std::vector<std::uint64_t>> numbers = list_files(directory, state::FileKind::kLog);
  if (numbers) std::erase_if(*numbers, [oldest](std::uint64_t number) { return number < oldest; });
  return numbers;
}

// The oldest log is missing. A table is made of a log whose name is on disk; the log is removed
// when an edit that names the table is: so if there is a table of operations behind the version's,
// the manifest was cut short.
Status check_for_newer_tables(const std::string& directory, const manifest::Uuid& uuid,
                              const manifest::Version& version) {
  Result<std::vector<std::uint64_t>> numbers = list_files(directory, state::FileKind::kTable);
  if (!numbers) return numbers.error();
  for (const std::uint64_t number : *numbers) {
    if (version.live(number)) continue;
    const std::string path = state::file_path(directory, state::FileKind::kTable, number);
    Result<os::File> file = os::File::open(path, os::FileAccess::kRead);
    Result<std::uint64_t> size = file ? file->size() : file.error();
    if (!size || *size == 0) continue;
    Result<os::Mapping> mapping = os::Mapping::map(*file, *size, os::Protection::kRead);
    if (!mapping) return mapping.error();
    const auto table =
        table::Reader::open(mapping->bytes(), nullptr, path, table_identity(uuid, number));
    if (!table || (*table)->properties().highest_sequence <= version.oldest_sequence()) continue;
    return Status(
        StatusCode::kCorruption,
        "replay " + state::file_path(directory, state::FileKind::kLog, version.oldest_log()) +
            " at 0: it is missing, and newer operations than the manifest knows are in " + path);
  }
  return {};
}

template <typename Visit>
Status for_each_operation(const wal::Record& record, const Visit& visit) {
  wal::OperationReader reader(record.payload, record.operations);
  std::uint64_t sequence = record.first_sequence;
  while (reader.next()) {
    if (Status status = visit(reader.operation(), sequence++); !status.ok()) return status;
  }
  return reader.status();
}

}  // namespace

Status apply_record(const memtable::MemtableWriter& writer, const wal::Record& record) {
  return for_each_operation(
      record, [&](const wal::Operation& operation, std::uint64_t sequence) -> Status {
        return writer
            .insert({sequence, static_cast<memtable::OperationKind>(operation.kind), operation.key,
                     operation.value})
            .status();
      });
}

Status apply_records(const memtable::MemtableWriter& writer,
                     const std::vector<wal::Record>& records) {
  for (const wal::Record& record : records) {
    if (Status status = apply_record(writer, record); !status.ok()) return status;
  }
  return {};
}

Status add_demand(const wal::Record& record, memtable::Demand& demand) {
  return for_each_operation(record, [&](const wal::Operation& operation, std::uint64_t) -> Status {
    demand.add(operation.key.size(), operation.value.size());
    return {};
  });
}

std::uint64_t likely_arena_bytes(const memtable::Demand& demand) {
  constexpr std::uint64_t kNodeBytesPerKey = 64;
  constexpr std::uint64_t kSlack = std::uint64_t{64} << 10;
  const std::uint64_t likely =
      demand.entry_bytes() + demand.operations() * kNodeBytesPerKey + kSlack;
  const std::uint64_t bounded = std::min(likely, demand.fresh_arena_bytes() + kSlack);
  return (bounded + 0xffff) / 0x10000 * 0x10000;
}

Result<LogReplay> LogReplay::load(const std::string& directory, const manifest::Uuid& uuid,
                                  const manifest::Version& version) {
  Result<std::vector<std::uint64_t>> numbers = list_logs(directory, version.oldest_log());
  if (!numbers) return numbers.error();
  if (numbers->empty() || numbers->front() != version.oldest_log()) {
    if (Status s = check_for_newer_tables(directory, uuid, version); !s.ok()) return s;
  }
  LogReplay replay;
  replay.bytes_.resize(numbers->size());
  std::vector<wal::Log> logs(numbers->size());
  // Highest first: while others append, a log's end is then never older than its successor.
  for (std::size_t i = numbers->size(); i-- > 0;) {
    const std::string path = state::file_path(directory, state::FileKind::kLog, (*numbers)[i]);
    Result<os::File> file = os::File::open(path, os::FileAccess::kRead);
    if (!file) return file.error();
    Result<wal::LogBytes> bytes = wal::LogBytes::load(*file);
    if (!bytes) return bytes.error();
    replay.bytes_[i] = std::move(*bytes);
    logs[i] = {(*numbers)[i], path, replay.bytes_[i].bytes()};
  }
  wal::ReplayRequest request{.uuid = uuid, .oldest = version.oldest_log()};
  request.oldest_name = state::file_path(directory, state::FileKind::kLog, request.oldest);
  request.start = {version.oldest_lsn(), version.oldest_sequence(), 0};
  if (const auto& seal = version.seal())
    request.seal = wal::Seal{seal->log, seal->end, seal->chain};

  std::vector<ReplayedLog> found;
  Result<wal::Replayed> result =
      wal::replay(logs, request, [&](std::uint64_t number, const wal::Record& record) -> Status {
        if (found.empty() || found.back().number != number) found.push_back({.number = number});
        found.back().records.push_back(record);
        return add_demand(record, found.back().demand);
      });
  if (!result) return result.error();
  // Logs without a record were followed too; they have their place in the chain.
  for (const std::uint64_t number : result->logs) {
    const auto log = std::find_if(logs.begin(), logs.end(),
                                  [number](const wal::Log& l) { return l.number == number; });
    Result<wal::DecodedLogHeader> header = wal::decode_log_header(log->bytes, number);
    if (!header) return header.error();
    const auto records = std::find_if(
        found.begin(), found.end(), [number](const ReplayedLog& l) { return l.number == number; });
    ReplayedLog replayed{.number = number, .header = header->header};
    if (records != found.end()) {
      replayed.records = std::move(records->records);
      replayed.demand = records->demand;
    }
    const std::uint64_t end = wal::kHeaderSize + (replayed.end().lsn - replayed.header.base_lsn);
    // One without a record may be cut inside of its header page.
    replayed.bytes = log->bytes.first(std::min<std::uint64_t>(log->bytes.size(), end));
    replay.logs_.push_back(std::move(replayed));
  }
  replay.result_ = std::move(*result);
  return replay;
}

}  // namespace tidelock::lsm
