#include <algorithm>
#include <utility>

#include "db/wreck.h"

namespace tidelock {

namespace {

using Effect = RepairFinding::Effect;

bool continues(const wal::LogHeader& header, const WreckedLog& log) {
  return header.predecessor == log.number &&
         (!log.header || header.base_lsn >= log.header->base_lsn);
}

}  // namespace

Status Wreck::read_logs() {
  for (const auto& [number, name] : names(state::FileKind::kLog)) {
    if (Status status = read_log(number, name); !status.ok()) return status;
  }
  std::ranges::sort(logs_, {}, &WreckedLog::number);
  link_logs();
  const std::uint64_t oldest = manifest_.oldest_log;
  if (manifest_.complete && (logs_.empty() || logs_.front().number != oldest)) {
    note(Effect::kLost, state::file_path("", state::FileKind::kLog, oldest).substr(1), 0, 0,
         "missing, with the operations behind " + std::to_string(manifest_.oldest_sequence));
  }
  return {};
}

Status Wreck::read_log(std::uint64_t named, const std::string& file) {
  Result<FileBytes> bytes = FileBytes::load(path(file));
  if (!bytes) return bytes.error();
  const wal::SalvagedLog salvaged = wal::salvage({named, file, bytes->bytes()}, uuid_, {});
  if (manifest_.complete && salvaged.number < manifest_.oldest_log) return {};
  if (salvaged.number != named) {
    note(Effect::kNone, file, 0, 0, "holds log " + std::to_string(salvaged.number));
  }
  WreckedLog log{.file = file,
                 .number = salvaged.number,
                 .header = salvaged.header,
                 .records = salvaged.records.size(),
                 .durable_lsn = salvaged.durable_lsn};
  if (!salvaged.records.empty()) log.last_sequence = salvaged.records.back().end.last_sequence;
  const bool is_sealed = manifest_.seal && manifest_.seal->log == log.number;
  if (!salvaged.header_sound && (log.records > 0 || is_sealed)) {
    note(Effect::kNone, file, 0, sizeof(wal::EncodedLogHeader), "the header is damaged");
  }
  const auto twin = std::ranges::find(logs_, log.number, &WreckedLog::number);
  if (twin == logs_.end()) {
    logs_.push_back(std::move(log));
  } else if (twin->records < log.records) {
    *twin = std::move(log);
  }
  return {};
}

// As in replay: a log ends where another continues it that holds a record, is sealed, or leads on
// to one that does.
void Wreck::link_logs() {
  for (auto log = logs_.rbegin(); log != logs_.rend(); ++log) {
    for (auto next = logs_.rbegin(); next != log; ++next) {
      const bool counts = next->records > 0 || next->limit ||
                          (manifest_.seal && manifest_.seal->log == next->number);
      if (!counts || !next->header || !continues(*next->header, *log)) continue;
      log->limit = wal::LogLimit{next->header->base_lsn, next->header->base_sequence};
      break;
    }
  }
}

std::size_t Wreck::tables_before(std::size_t log) const {
  // What a whole manifest calls needed is in no table yet.
  if (manifest_.complete) return tables_.size();
  const auto newer = std::ranges::find_if(tables_, [&](const WreckedTable& table) {
    return table.level == 0 && table.highest_sequence > logs_[log].last_sequence;
  });
  return static_cast<std::size_t>(newer - tables_.begin());
}

}  // namespace tidelock
