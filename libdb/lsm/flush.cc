#include "lsm/flush.h"

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lsm/log_replay.h"
#include "lsm/open_memtable.h"
#include "lsm/place.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "state/file_names.h"
#include "wal/log_file.h"
#include "wal/reader.h"

namespace tidelock::lsm {

namespace {

// A sealed memtable and the one behind it, where the logs then begin.
struct Sealed {
  state::MemtableEntry entry;
  state::MemtableEntry next;
};

std::optional<Sealed> oldest_sealed(const state::Layout& shared) {
  const std::uint64_t oldest_log = shared.tables.load().value.oldest_log;
  const state::MemtableHalf half = shared.memtables.load().value;
  if (half.count > state::kMemtablesMax) return std::nullopt;
  for (std::uint64_t i = 0; i + 1 < half.count; ++i) {
    if (half.entries[i].log_number >= oldest_log)
      return Sealed{half.entries[i], half.entries[i + 1]};
  }
  return std::nullopt;
}

manifest::VersionEdit flush_edit(const Sealed& sealed,
                                 const std::vector<manifest::FilePtr>& tables) {
  manifest::VersionEdit edit;
  for (const manifest::FilePtr& table : tables) edit.added.push_back({0, table});
  edit.oldest_log = sealed.next.log_number;
  edit.oldest_lsn = sealed.next.base_lsn;
  edit.oldest_sequence = sealed.next.first_sequence - 1;
  edit.last_sequence = sealed.next.first_sequence - 1;
  return edit;
}

void remove_files(const Context& context, const state::MemtableEntry& entry) {
  if (!check_place(context).ok()) return;
  (void)os::unlink_file(
      state::file_path(context.directory, state::FileKind::kArena, entry.arena_number));
  (void)os::unlink_file(
      state::file_path(context.directory, state::FileKind::kLog, entry.log_number));
}

Status write_arena(const Context& context, const Sealed& sealed, TableWriter& writer) {
  auto memtable = OpenMemtable::map(context.directory, sealed.entry);
  return memtable ? write_memtable((*memtable)->table(), writer) : memtable.error();
}

// The same from the log. What lies behind the place where the next one begins was never committed.
Status write_log(const Context& context, const Sealed& sealed, TableWriter& writer) {
  const std::uint64_t number = sealed.entry.log_number;
  Result<os::File> file = os::File::open(
      state::file_path(context.directory, state::FileKind::kLog, number), os::FileAccess::kRead);
  if (!file) return file.error();
  Result<wal::LogFile> log =
      wal::LogFile::open(std::move(*file), std::nullopt, number, context.uuid);
  if (!log) return log.error();
  ReplayedLog replayed{.number = number, .header = log->header()};
  const wal::Position start = wal::start_of(replayed.header);
  const Result<std::vector<std::byte>> bytes = log->read(start.lsn, sealed.next.base_lsn);
  if (!bytes) return bytes.error();
  wal::RecordReader reader(*bytes, start, context.uuid);
  while (reader.next()) {
    replayed.records.push_back(reader.record());
    if (Status s = add_demand(reader.record(), replayed.demand); !s.ok()) return s;
  }
  if (reader.position().lsn != sealed.next.base_lsn) {
    return Status(StatusCode::kCorruption,
                  "flush " + log->file().path() + " at " +
                      std::to_string(log->offset_of(reader.position().lsn)) + ": " +
                      wal::to_string(reader.stop()));
  }
  auto memtable = OpenMemtable::replay(replayed);
  return memtable ? write_memtable((*memtable)->table(), writer) : memtable.error();
}

bool is_damage(const Status& status) {
  return status.code() == StatusCode::kCorruption || status.code() == StatusCode::kNotFound ||
         status.code() == StatusCode::kUnsupported;
}

}  // namespace

bool flush_is_due(const state::Layout& shared) {
  return oldest_sealed(shared).has_value();
}

Status write_memtable(const memtable::Memtable& memtable, TableWriter& writer) {
  memtable::MemtableIterator entry = memtable.iterate(std::numeric_limits<std::uint64_t>::max());
  std::uint64_t keys = 0;
  for (entry.seek_first(); entry.valid(); entry.next(), ++keys) {
    if (Status status = entry.verify_entry(); !status.ok()) return status;
    if (Status status =
            writer.add(entry.key(), static_cast<table::Kind>(entry.kind()), entry.value());
        !status.ok()) {
      return status;
    }
  }
  if (!entry.status().ok() || keys == memtable.counters().keys) return entry.status();
  return Status(StatusCode::kCorruption, "flush memtable " + std::to_string(memtable.number()) +
                                             ": it has " + std::to_string(keys) + " keys of " +
                                             std::to_string(memtable.counters().keys));
}

Result<JobResult> flush_oldest(Context& context, Catalog& catalog, const Patience& patience) {
  const Result<std::optional<JobByte>> byte = JobByte::try_take(context, kFlushByte);
  if (!byte) return byte.error();
  if (!*byte) return JobResult::kTaken;
  TIDELOCK_CRASH_POINT("flush.begun");
  // V3: a flush whose process died between sync and publication is not done again.
  Result<manifest::Version> version = catalog.catch_up(patience.to_begin());
  if (!version) return version.error();
  const std::optional<Sealed> sealed = oldest_sealed(**context.state);
  if (!sealed) return JobResult::kNothing;

  // The log may never have been synced. Were its name lost and the table's not, the log would be
  // missing as it is where a manifest was cut short.
  if (Status status = os::sync_directory(context.directory); !status.ok()) return status;
  const TableWriter::Plan plan{.highest_sequence = sealed->next.first_sequence - 1,
                               .memtable_number = sealed->entry.log_number};
  std::optional<TableWriter> writer(std::in_place, context, plan);
  Status written = write_arena(context, *sealed, *writer);
  if (is_damage(written)) {
    context.events->note(written.to_string() + "; written from its log");
    writer.emplace(context, plan);
    written = write_log(context, *sealed, *writer);
  }
  if (!written.ok()) return written;
  Result<std::vector<manifest::FilePtr>> tables = writer->finish();
  if (!tables) return tables.error();
  TIDELOCK_CRASH_POINT("flush.written");
  const auto edit = [&](const manifest::Version& newest) -> Result<manifest::VersionEdit> {
    if (newest.oldest_log() != version->oldest_log()) {
      return Status(StatusCode::kInvalid,
                    "flush of " + context.directory + ": its memtable is in tables already");
    }
    return flush_edit(*sealed, *tables);
  };
  const Status installed =
      writer->hand_over([&] { return catalog.install(edit, patience.to_install()).status(); });
  if (!installed.ok()) return installed;
  TIDELOCK_CRASH_POINT("flush.installed");
  remove_files(context, sealed->entry);
  TIDELOCK_CRASH_POINT("flush.removed");
  (*context.state)->counters.flushes.fetch_add(1, std::memory_order_relaxed);
  context.events->note("flushed memtable " + std::to_string(sealed->entry.log_number) + " to " +
                       std::to_string(tables->size()) + " table(s)");
  return JobResult::kDone;
}

}  // namespace tidelock::lsm
