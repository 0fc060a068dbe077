#include "lsm/flush.h"

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lsm/open_memtable.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "state/file_names.h"

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
  (void)os::unlink_file(
      state::file_path(context.directory, state::FileKind::kArena, entry.arena_number));
  (void)os::unlink_file(
      state::file_path(context.directory, state::FileKind::kLog, entry.log_number));
}

Status write_arena(const Context& context, const Sealed& sealed, TableWriter& writer) {
  auto memtable = OpenMemtable::map(context.directory, sealed.entry);
  return memtable ? write_memtable((*memtable)->table(), writer) : memtable.error();
}

// The same from the log, which must reach up to the next one.
Status write_log(const Context& context, const Sealed& sealed, const manifest::Version& version,
                 TableWriter& writer) {
  Result<LogReplay> replay = LogReplay::load(context.directory, context.uuid, version);
  if (!replay) replay = LogReplay::load(context.directory, context.uuid, version);
  if (!replay) return replay.error();
  const bool whole = !replay->logs().empty() &&
                     replay->logs().front().number == sealed.entry.log_number &&
                     replay->logs().front().end().lsn == sealed.next.base_lsn;
  if (!whole) {
    return Status(StatusCode::kCorruption, "flush log " + std::to_string(sealed.entry.log_number) +
                                               ": it does not reach the next one");
  }
  auto memtable = OpenMemtable::replay(replay->logs().front());
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

Result<JobResult> flush_oldest(Context& context, Catalog& catalog, Patience patience) {
  const Result<std::optional<JobByte>> byte = JobByte::try_take(context, kFlushByte);
  if (!byte) return byte.error();
  if (!*byte) return JobResult::kTaken;
  TIDELOCK_CRASH_POINT("flush.begun");
  // V3: a flush whose process died between sync and publication is not done again.
  Result<manifest::Version> version = catalog.catch_up(os::Deadline::after(patience));
  if (!version) return version.error();
  const std::optional<Sealed> sealed = oldest_sealed(**context.state);
  if (!sealed) return JobResult::kNothing;

  const TableWriter::Plan plan{.highest_sequence = sealed->next.first_sequence - 1,
                               .memtable_number = sealed->entry.log_number};
  std::optional<TableWriter> writer(std::in_place, context, plan);
  Status written = write_arena(context, *sealed, *writer);
  if (is_damage(written)) {
    context.events->note(written.to_string() + "; written from its log");
    writer.emplace(context, plan);
    written = write_log(context, *sealed, *version, *writer);
  }
  if (!written.ok()) return written;
  Result<std::vector<manifest::FilePtr>> tables = writer->finish();
  if (!tables) return tables.error();
  TIDELOCK_CRASH_POINT("flush.written");
  Result<manifest::Version> installed = catalog.install(
      [&](const manifest::Version& newest) -> Result<manifest::VersionEdit> {
        if (newest.oldest_log() != version->oldest_log()) {
          return Status(StatusCode::kInvalid,
                        "flush of " + context.directory + ": its memtable is in tables already");
        }
        return flush_edit(*sealed, *tables);
      },
      os::Deadline::after(patience));
  if (!installed) {
    if (installed.error().code() == StatusCode::kNotDurable) writer->keep();
    return installed.error();
  }
  writer->keep();
  TIDELOCK_CRASH_POINT("flush.installed");
  remove_files(context, sealed->entry);
  TIDELOCK_CRASH_POINT("flush.removed");
  (*context.state)->counters.flushes.fetch_add(1, std::memory_order_relaxed);
  context.events->note("flushed memtable " + std::to_string(sealed->entry.log_number) + " to " +
                       std::to_string(tables->size()) + " table(s)");
  return JobResult::kDone;
}

}  // namespace tidelock::lsm
