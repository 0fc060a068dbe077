#include "db/repair.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "db/wreck.h"
#include "lsm/context.h"
#include "lsm/destroy.h"
#include "lsm/table_set.h"
#include "os/byte_lock.h"
#include "os/directory.h"
#include "table/salvage.h"
#include "wal/operation.h"

namespace tidelock {

namespace {

using Effect = RepairFinding::Effect;

// What is read is written in batches of about this many bytes.
constexpr std::size_t kBatchBytes = std::size_t{256} << 10;

// Keeps everybody away from the damaged database. Where it may not be written to, it is only seen
// to it that nobody is there, now and again at the end.
class Seclusion {
 public:
  static Result<Seclusion> enter(const std::string& directory) {
    Seclusion seclusion;
    Result<os::File> file =
        lsm::open_or_create_lock(directory, lsm::ownership_of_database(directory));
    const bool may_write = file.has_value();
    if (!may_write && file.error().code() == StatusCode::kPermission) {
      file = os::File::open(directory + "/" + state::kLockName, os::FileAccess::kRead);
      if (!file && file.error().code() == StatusCode::kNotFound) return seclusion;
    }
    if (!file) return file.error();
    seclusion.locks_ = std::make_unique<os::ByteLocks>(std::move(*file));
    if (!may_write) {
      if (Status status = seclusion.check(); !status.ok()) return status;
      return seclusion;
    }
    const Result<bool> alone =
        seclusion.locks_->try_lock(lsm::kOpenByte, os::ByteLocks::Mode::kExclusive);
    if (!alone) return alone.error();
    const Result<bool> in_place = lsm::is_in_place(seclusion.locks_->file());
    if (!in_place) return in_place.error();
    if (!*alone || !*in_place) return seclusion.busy();
    return seclusion;
  }

  [[nodiscard]] Status check() const {
    if (locks_ == nullptr) return {};
    const Result<bool> held = locks_->held_in_any_mode(lsm::kOpenByte);
    if (!held) return held.error();
    return *held ? busy() : Status();
  }

 private:
  [[nodiscard]] Status busy() const {
    BusyInfo info;
    info.reason = BusyReason::kOpen;
    return Status(StatusCode::kBusy, "repair " + locks_->file().path() + ": it is open",
                  std::move(info));
  }
  std::unique_ptr<os::ByteLocks> locks_;  // null: there is no LOCK, and none may be made
};

FixedOptions fixed_options(const std::optional<manifest::CreationOptions>& created,
                           FixedOptions wanted) {
  if (!created) return wanted;
  if (!wanted.memtable_size) wanted.memtable_size = created->memtable_size;
  if (!wanted.block_size) wanted.block_size = created->block_size;
  if (!wanted.compression) wanted.compression = created->compression;
  if (!wanted.bloom_bits_per_key) wanted.bloom_bits_per_key = created->bloom_bits_per_key;
  if (!wanted.compaction_style) wanted.compaction_style = created->compaction_style;
  return wanted;
}

// Writes what is left of a wreck into a database, oldest first, so that what is newest counts.
class Salvor {
 public:
  Salvor(const Wreck& wreck, Db& db) : wreck_(wreck), db_(db) {
    report_.findings = wreck.findings();
    last_sequence_ = wreck.manifest().complete ? wreck.manifest().oldest_sequence : 0;
  }

  Result<RepairReport> run() {
    std::size_t table = 0;
    for (std::size_t log = 0; log < wreck_.logs().size(); ++log) {
      for (; table < wreck_.tables_before(log); ++table) {
        if (Status s = write_table(wreck_.tables()[table]); !s.ok()) return s;
      }
      if (Status s = write_log(wreck_.logs()[log]); !s.ok()) return s;
    }
    for (; table < wreck_.tables().size(); ++table) {
      if (Status s = write_table(wreck_.tables()[table]); !s.ok()) return s;
    }
    report_lost_end();
    Status status = flush_batch();
    if (status.ok()) status = db_.flush();
    if (status.ok()) status = count_entries();
    if (!status.ok()) return status;
    return std::move(report_);
  }

 private:
  Status flush_batch() {
    Status status = batch_.empty() ? Status() : db_.write(batch_);
    batch_.clear();
    return status;
  }

  Status apply(bool erased, std::string_view key, std::string_view value) {
    if (erased) {
      batch_.erase(key);
    } else {
      batch_.put(key, value);
    }
    return batch_.size() + batch_.count() * sizeof(std::uint64_t) < kBatchBytes ? Status()
                                                                                : flush_batch();
  }

  Status write_table(const WreckedTable& table) {
    Result<FileBytes> bytes = FileBytes::load(wreck_.path(table.file));
    if (!bytes) return bytes.error();
    table::TableSalvage salvage(bytes->text(), lsm::table_identity(wreck_.uuid(), table.number));
    Status status =
        salvage.walk([this](std::string_view key, table::Kind kind, std::string_view value) {
          return apply(kind == table::Kind::kErase, key, value);
        });
    if (!status.ok()) return status;
    ++report_.tables;
    report_.blocks += salvage.blocks();
    for (const auto& flaw : salvage.flaws()) {
      note(Effect::kNone, table.file, flaw.offset, bytes->bytes().size(), flaw.what, {});
    }
    report_gaps(table, salvage);
    return {};
  }

  void report_gaps(const WreckedTable& table, const table::TableSalvage& salvage) {
    if (table.entries == salvage.entries()) return;
    const std::string missing =
        table.entries && *table.entries > salvage.entries()
            ? std::to_string(*table.entries - salvage.entries()) + " entries of the table are lost"
            : "entries may be lost";
    for (const table::TableGap& gap : salvage.gaps()) {
      KeyRange keys = inclusive_range(gap.after ? gap.after : table.smallest, table.largest);
      if (gap.after) *keys.lower += '\0';
      if (gap.before) keys.upper = gap.before;
      note(Effect::kLost, table.file, gap.from, gap.to, missing, std::move(keys));
    }
    if (salvage.gaps().empty()) {
      note(Effect::kLost, table.file, 0, 0, missing,
           inclusive_range(table.smallest, table.largest));
    }
  }

  Status write_log(const WreckedLog& log) {
    Result<FileBytes> bytes = FileBytes::load(wreck_.path(log.file));
    if (!bytes) return bytes.error();
    const wal::SalvagedLog salvaged =
        wal::salvage({log.number, log.file, bytes->bytes()}, wreck_.uuid(), log.limit);
    for (const wal::Record& record : salvaged.records) {
      if (record.first_sequence <= last_sequence_) continue;  // was in another log too
      if (Status status = write_record(record); !status.ok()) return status;
    }
    for (const wal::LogGap& gap : salvaged.gaps) {
      note(Effect::kLost, log.file, gap.from, gap.to, lost_operations(gap), {});
    }
    if (salvaged.header) {
      end_file_ = log.file;
      end_lsn_ = salvaged.end_lsn;
      end_offset_ = wal::kHeaderSize + (salvaged.end_lsn - salvaged.header->base_lsn);
    }
    durable_lsn_ = std::max(durable_lsn_, salvaged.durable_lsn);
    return {};
  }

  static std::string lost_operations(const wal::LogGap& gap) {
    std::string text = "operations " + std::to_string(gap.after + 1);
    if (gap.before) return text + " to " + std::to_string(*gap.before - 1) + " are lost";
    return text + " and on are lost, unless they were never committed";
  }

  Status write_record(const wal::Record& record) {
    wal::OperationReader operations(record.payload, record.operations);
    while (operations.next()) {
      const wal::Operation& operation = operations.operation();
      Status status =
          apply(operation.kind == wal::OperationKind::kErase, operation.key, operation.value);
      if (!status.ok()) return status;
    }
    last_sequence_ = record.end.last_sequence;
    ++report_.log_records;
    return operations.status();
  }

  // The seal, or a record, may say that there was more than was found.
  void report_lost_end() {
    std::uint64_t known = durable_lsn_;
    if (wreck_.manifest().seal) known = std::max(known, wreck_.manifest().seal->end);
    if (known <= std::max(end_lsn_, wreck_.manifest().oldest_lsn)) return;
    note(Effect::kLost, end_file_.empty() ? "the logs" : end_file_, end_offset_,
         end_offset_ + (known - end_lsn_),
         "operations behind " + std::to_string(last_sequence_) + " are lost", {});
  }

  Status count_entries() {
    Result<Iterator> at = db_.iterate();
    if (!at) return at.error();
    for (at->seek_first(); at->valid(); at->next()) ++report_.entries;
    return at->status();
  }

  void note(Effect effect, const std::string& file, std::uint64_t from, std::uint64_t to,
            std::string what, KeyRange keys) {
    report_.findings.push_back({effect, file, from, to, std::move(what), std::move(keys)});
  }

  const Wreck& wreck_;
  Db& db_;
  Batch batch_;
  std::uint64_t last_sequence_ = 0;  // of the logs, as far as they were written
  std::uint64_t durable_lsn_ = 0;
  std::string end_file_;  // the last log
  std::uint64_t end_lsn_ = 0;
  std::uint64_t end_offset_ = 0;
  RepairReport report_;
};

Result<RepairReport> write_new(const Wreck& wreck, const std::string& into, const Options& options,
                               const Seclusion& seclusion) {
  Result<Db> db = Db::open(into, options);
  if (!db) {
    // Made all the same, and empty: nobody may take it for what was repaired.
    if (db.error().code() == StatusCode::kNotDurable) (void)Db::destroy(into);
    return db.error();
  }
  Result<RepairReport> report = Salvor(wreck, *db).run();
  const Status closed = db->close();
  if (report && !closed.ok()) report = closed;
  if (report) {
    if (Status undisturbed = seclusion.check(); !undisturbed.ok()) report = undisturbed;
  }
  if (!report) (void)Db::destroy(into);
  return report;
}

}  // namespace

Result<RepairReport> repair_database(const std::string& damaged, const std::string& into,
                                     const Options& options) {
  Result<std::string> directory = os::canonical_path(damaged);
  if (!directory) return directory.error();
  const Result<std::string> target = os::canonical_path(into);
  if (target && *target == *directory) {
    return Status(StatusCode::kInvalid, "repair " + damaged + ": into another directory only");
  }
  if (Status status = Wreck::recognise(*directory); !status.ok()) return status;
  Result<Seclusion> seclusion = Seclusion::enter(*directory);
  if (!seclusion) return seclusion.error();
  const Result<Wreck> wreck = Wreck::survey(*directory);
  if (!wreck) return wreck.error();
  Options created = options;
  created.mode = OpenMode::kCreate;
  created.access = Access::kReadWrite;
  created.fixed = fixed_options(wreck->manifest().created, options.fixed);
  return write_new(*wreck, into, created, *seclusion);
}

}  // namespace tidelock
