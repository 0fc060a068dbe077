#include "db/check.h"

#include <algorithm>
#include <utility>

#include "lsm/log_replay.h"
#include "manifest/manifest_reader.h"
#include "os/file.h"
#include "state/file_names.h"
#include "wal/log_file.h"
#include "wal/operation.h"
#include "wal/reader.h"

namespace tidelock {

namespace {

bool is_damage(const Status& status) {
  return status.code() == StatusCode::kCorruption || status.code() == StatusCode::kUnsupported ||
         status.code() == StatusCode::kNotFound;
}

// Collects what a part of the check found.
class Check {
 public:
  explicit Check(lsm::Engine& engine) : engine_(engine) {}

  Result<CheckReport> run() {
    Result<lsm::ReadPoint> now = engine_.read_point(lsm::Horizon::kVisible);
    if (!now) {
      if (!is_damage(now.error())) return now.error();
      note(now.error());
      return std::move(report_);
    }
    if (Status status = check_manifest(); !status.ok()) return status;
    if (Status status = check_tables(*now->view); !status.ok()) return status;
    if (Status status = check_memtables(*now->view); !status.ok()) return status;
    if (Status status = check_logs(); !status.ok()) return status;
    return std::move(report_);
  }

 private:
  void note(const Status& status) { report_.problems.push_back(status.to_string()); }

  // Damage goes into the report; what keeps the check from running ends it.
  Status take(const Status& status) {
    if (status.ok()) return {};
    if (!is_damage(status)) return status;
    note(status);
    return {};
  }

  Status check_manifest() {
    Result<manifest::LiveManifest> live =
        manifest::open_live_manifest(engine_.context().directory, Access::kReadOnly);
    if (!live) return take(live.error());
    return take(live->reader.read_all());
  }

  Status check_tables(const lsm::View& view) {
    for (std::uint32_t level = 0; level < manifest::kLevels; ++level) {
      for (const lsm::TablePtr& table : view.tables->level(level)) {
        ++report_.tables;
        Result<table::VerifiedCounts> counts = table->verify();
        if (!counts) {
          if (Status status = take(counts.error()); !status.ok()) return status;
          continue;
        }
        report_.blocks += counts->blocks;
        report_.entries += counts->entries;
      }
    }
    return {};
  }

  Status check_memtables(const lsm::View& view) {
    for (const auto& memtable : view.memtables) {
      if (Status status = take(memtable->table().verify()); !status.ok()) return status;
      report_.memtable_entries += memtable->table().counters().entries;
    }
    return {};
  }

  Status check_logs() {
    const state::SharedState* shared = engine_.shared();
    if (shared == nullptr) return check_logs_by_replay();
    const state::Position end = (*shared)->end.load().value;
    const state::MemtableHalf half = (*shared)->memtables.load().value;
    const std::uint64_t count = std::min<std::uint64_t>(half.count, state::kMemtablesMax);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t to = i + 1 < count ? half.entries[i + 1].base_lsn : end.lsn;
      if (to < half.entries[i].base_lsn) continue;  // rolled since `end` was read
      Status status = check_log(half.entries[i], to);
      // Flushed meanwhile: it is in a table.
      if (half.entries[i].log_number < (*shared)->tables.load().value.oldest_log) continue;
      if (status = take(status); !status.ok()) return status;
    }
    return {};
  }

  Status check_log(const state::MemtableEntry& entry, std::uint64_t to) {
    Result<os::File> file = os::File::open(
        state::file_path(engine_.context().directory, state::FileKind::kLog, entry.log_number),
        os::FileAccess::kRead);
    if (!file) return file.error();
    Result<wal::LogFile> log = wal::LogFile::open(std::move(*file), std::nullopt, entry.log_number,
                                                  engine_.context().uuid);
    if (!log) return log.error();
    const wal::Position start = wal::start_of(log->header());
    Result<std::vector<std::byte>> bytes = log->read(start.lsn, to);
    if (!bytes) return bytes.error();
    wal::RecordReader reader(*bytes, start, engine_.context().uuid);
    while (reader.next()) {
      ++report_.log_records;
      wal::OperationReader operations(reader.record().payload, reader.record().operations);
      while (operations.next()) {
      }
      if (!operations.status().ok()) return operations.status();
    }
    if (reader.position().lsn == to) return {};
    return Status(StatusCode::kCorruption,
                  "check " + log->file().path() + " at " +
                      std::to_string(log->offset_of(reader.position().lsn)) + ": " +
                      wal::to_string(reader.stop()));
  }

  Status check_logs_by_replay() {
    Result<manifest::LiveManifest> live =
        manifest::open_live_manifest(engine_.context().directory, Access::kReadOnly);
    if (!live) return take(live.error());
    if (Status status = live->reader.read_all(); !status.ok()) return take(status);
    Result<lsm::LogReplay> replay = lsm::LogReplay::load(
        engine_.context().directory, engine_.context().uuid, live->reader.version());
    if (!replay) return take(replay.error());
    report_.log_records += replay->result().records;
    return {};
  }

  lsm::Engine& engine_;
  CheckReport report_;
};

}  // namespace

Result<CheckReport> check_database(lsm::Engine& engine) {
  return Check(engine).run();
}

}  // namespace tidelock
