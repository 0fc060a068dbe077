#include "db/check.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lsm/log_replay.h"
#include "lsm/place.h"
#include "manifest/manifest_reader.h"
#include "os/clock.h"
#include "os/file.h"
#include "state/file_names.h"
#include "wal/log_file.h"
#include "wal/operation.h"
#include "wal/reader.h"

namespace tidelock {

namespace {

constexpr std::chrono::milliseconds kGiveUpAfter{10'000};

bool is_damage(const Status& status) {
  return status.code() == StatusCode::kCorruption || status.code() == StatusCode::kUnsupported ||
         status.code() == StatusCode::kNotFound;
}

// What the manifest remembers of a table is what planning and reading go by.
bool agree(const manifest::FileMeta& meta, const table::Properties& table) {
  return meta.number == table.identity.number && meta.size == table.file_bytes &&
         meta.entries == table.entries && meta.tombstones == table.tombstones &&
         meta.data_blocks == table.blocks && meta.highest_sequence == table.highest_sequence &&
         meta.smallest == table.smallest && meta.largest == table.largest;
}

// Collects what a part of the check found.
class Check {
 public:
  explicit Check(lsm::Engine& engine) : engine_(engine) {}

  Result<CheckReport> run() {
    Result<CheckReport> report = read_all();
    if (!report || engine_.context().read_only()) return report;
    // What was looked at by path may be another's, or nothing.
    if (Status status = lsm::check_place(engine_.context()); !status.ok()) return status;
    return report;
  }

 private:
  Result<CheckReport> read_all() {
    Result<lsm::ReadPoint> now = engine_.read_point(lsm::Horizon::kVisible);
    if (!now) {
      if (!is_damage(now.error())) return now.error();
      note(now.error());
      return std::move(report_);
    }
    if (Status status = check_manifest(); !status.ok()) return status;
    if (Status status = check_tables(*now->view); !status.ok()) return status;
    if (Status status = check_memtables(*now->view); !status.ok()) return status;
    check_positions();
    if (Status status = check_logs(*now); !status.ok()) return status;
    return std::move(report_);
  }

  void note(const Status& status) { report_.problems.push_back(status.to_string()); }

  // Damage goes into the report; what keeps the check from running ends it.
  Status take(const Status& status) {
    if (status.ok()) return {};
    if (!is_damage(status)) return status;
    note(status);
    return {};
  }

  // Up to its published length it must be whole; without one, up to the last record.
  Status check_manifest() {
    const state::SharedState* const shared = engine_.shared();
    for (;;) {
      const std::uint64_t word = shared == nullptr ? 0 : (*shared)->tables.word();
      Status status = read_manifest(shared);
      if (status.ok() || shared == nullptr || (*shared)->tables.word() == word) return take(status);
      // Replaced meanwhile: once more.
    }
  }

  Status read_manifest(const state::SharedState* shared) {
    Result<manifest::LiveManifest> live =
        manifest::open_live_manifest(engine_.context().directory, Access::kReadOnly);
    if (!live) return live.error();
    if (shared != nullptr) {
      const state::TableHalf half = (*shared)->tables.load().value;
      if (half.manifest_number == live->current.manifest_number) {
        if (Status s = live->reader.read_to(half.manifest_length); !s.ok()) return s;
      }
    }
    return live->reader.read_all();
  }

  Status check_tables(const lsm::View& view) {
    for (std::uint32_t level = 0; level < manifest::kLevels; ++level) {
      const auto files = view.tables->version().files(level);
      for (std::size_t i = 0; i < files.size(); ++i) {
        const table::Reader& table = *view.tables->level(level)[i];
        ++report_.tables;
        if (!agree(*files[i], table.properties())) {
          note(Status(StatusCode::kCorruption,
                      "check " + table.name() +
                          ": its properties are not those that the manifest has of it"));
        }
        Result<table::VerifiedCounts> counts = table.verify();
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

  // S2, S4, S10: positions only grow, so each is loaded before those that may not be below it.
  void check_positions() {
    const state::SharedState* const state = engine_.shared();
    if (state == nullptr) return;
    const state::Layout& shared = **state;
    const std::uint64_t epoch = state->epoch();
    const std::uint64_t oldest_log = shared.tables.load().value.oldest_log;
    const state::MemtableHalf half = shared.memtables.load().value;
    const std::uint64_t durable_lsn = shared.durable_lsn.load(std::memory_order_acquire);
    const std::uint64_t durable_sequence = shared.durable_sequence.load(std::memory_order_acquire);
    const std::uint64_t visible = shared.visible.load(std::memory_order_acquire);
    const state::Position applied = shared.applied.load().value;
    const state::Position end = shared.end.load().value;
    if (!state->is_epoch(epoch)) return;  // being built anew
    const auto expect = [this](bool holds, const char* what) {
      if (holds) return;
      note(Status(StatusCode::kCorruption,
                  "check " + engine_.context().directory + "/STATE: " + what));
    };
    expect(visible <= applied.last_sequence, "more is visible than applied");
    expect(applied.lsn <= end.lsn && applied.last_sequence <= end.last_sequence,
           "more is applied than committed");
    expect(durable_lsn <= end.lsn && durable_sequence <= end.last_sequence,
           "more is durable than committed");
    expect(half.count != 0 && half.count <= state::kMemtablesMax, "it names no memtable");
    if (half.count == 0 || half.count > state::kMemtablesMax) return;
    expect(oldest_log <= half.active().log_number, "the active log is not needed");
    expect(half.active().base_lsn <= end.lsn, "the active log begins behind its end");
    for (std::uint64_t i = 1; i < half.count; ++i) {
      expect(half.entries[i - 1].log_number < half.entries[i].log_number &&
                 half.entries[i - 1].base_lsn <= half.entries[i].base_lsn,
             "its memtables are out of order");
    }
  }

  Status check_logs(const lsm::ReadPoint& now) {
    const state::SharedState* shared = engine_.shared();
    if (shared == nullptr) return check_logs_by_replay();
    const state::Position end = (*shared)->end.load().value;
    const state::MemtableHalf half = (*shared)->memtables.load().value;
    const std::uint64_t count = std::min<std::uint64_t>(half.count, state::kMemtablesMax);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t to = i + 1 < count ? half.entries[i + 1].base_lsn : end.lsn;
      if (to < half.entries[i].base_lsn) continue;  // rolled since `end` was read
      Status status = check_log(half.entries[i], to, now);
      // Flushed meanwhile: it is in a table.
      if (half.entries[i].log_number < (*shared)->tables.load().value.oldest_log) continue;
      if (status = take(status); !status.ok()) return status;
    }
    return {};
  }

  Status check_log(const state::MemtableEntry& entry, std::uint64_t to, const lsm::ReadPoint& now) {
    Result<os::File> file = os::File::open(path_of(entry.log_number), os::FileAccess::kRead);
    if (!file) return file.error();
    Result<wal::LogFile> log = wal::LogFile::open(std::move(*file), std::nullopt, entry.log_number,
                                                  engine_.context().uuid);
    if (!log) return log.error();
    std::array<std::byte, wal::kHeaderSize> page;
    if (Status s = log->file().read_exact(0, page); !s.ok()) return s;
    check_filler(log->file().path(), page);
    const wal::Position start = wal::start_of(log->header());
    Result<std::vector<std::byte>> bytes = log->read(start.lsn, to);
    if (!bytes) return bytes.error();
    const auto memtable =
        std::find_if(now.view->memtables.begin(), now.view->memtables.end(),
                     [&entry](const auto& open) { return open->log_number() == entry.log_number; });
    const memtable::Memtable* const table =
        memtable == now.view->memtables.end() ? nullptr : &(*memtable)->table();
    wal::RecordReader reader(*bytes, start, engine_.context().uuid);
    std::vector<LoggedOperation> operations;
    while (reader.next()) {
      ++report_.log_records;
      if (Status s = collect(reader.record(), now.sequence, operations); !s.ok()) return s;
    }
    if (table != nullptr) {
      if (Status s = check_operations(operations, *table); !s.ok()) return s;
    }
    if (reader.position().lsn == to) return {};
    return Status(StatusCode::kCorruption,
                  "check " + log->file().path() + " at " +
                      std::to_string(log->offset_of(reader.position().lsn)) + ": " +
                      wal::to_string(reader.stop()));
  }

  // Replay passes over it, so it spoils no answer.
  void check_filler(const std::string& path, std::span<const std::byte> log) {
    const std::optional<std::size_t> at = wal::find_in_filler(log);
    if (!at) return;
    note(Status(StatusCode::kCorruption,
                "check " + path + " at " + std::to_string(*at) + ": it is not zero"));
  }

  struct LoggedOperation {
    std::uint64_t sequence = 0;
    wal::Operation operation;
  };

  static Status collect(const wal::Record& record, std::uint64_t visible,
                        std::vector<LoggedOperation>& operations) {
    wal::OperationReader reader(record.payload, record.operations);
    for (std::uint64_t sequence = record.first_sequence; reader.next(); ++sequence) {
      if (sequence <= visible) operations.push_back({sequence, reader.operation()});
    }
    return reader.status();
  }

  // S2: what the log holds up to V, the memtable holds too, each version of it. The newest first,
  // so that the versions of a key are walked once and not once for each.
  static Status check_operations(const std::vector<LoggedOperation>& operations,
                                 const memtable::Memtable& memtable) {
    std::unordered_map<std::string_view, const memtable::Entry*> reached;
    for (auto at = operations.rbegin(); at != operations.rend(); ++at) {
      const auto& [sequence, operation] = *at;
      Result<memtable::Lookup> found =
          memtable.lookup_older(operation.key, sequence, reached[operation.key]);
      if (!found) return found.error();
      const auto kind = operation.kind == wal::OperationKind::kPut
                            ? memtable::Lookup::Kind::kValue
                            : memtable::Lookup::Kind::kTombstone;
      if (found->kind != kind || found->sequence != sequence || found->value != operation.value) {
        return Status(StatusCode::kCorruption,
                      "check memtable " + std::to_string(memtable.number()) +
                          ": it lacks operation " + std::to_string(sequence) + " of its log");
      }
    }
    return {};
  }

  // Logs that grow or go while they are read may show damage that is none: what two looks in a row
  // say of one manifest is.
  Status check_logs_by_replay() {
    const os::Deadline deadline = os::Deadline::after(kGiveUpAfter);
    Place place;
    Result<lsm::LogReplay> replay = replay_logs(place);
    for (std::optional<Place> last; !replay && place != last;) {
      if (deadline.expired()) {
        return Status(StatusCode::kTimedOut, "check " + engine_.context().directory +
                                                 ": others change it faster than it is read");
      }
      last = place;
      replay = replay_logs(place);
    }
    if (!replay) return take(replay.error());
    report_.log_records += replay->result().records;
    for (const lsm::ReplayedLog& log : replay->logs()) check_filler(path_of(log.number), log.bytes);
    return {};
  }

  // A manifest's number, and its length.
  using Place = std::pair<std::uint64_t, std::uint64_t>;

  // The logs behind the tables of the manifest whose place it yields, too.
  Result<lsm::LogReplay> replay_logs(Place& place) const {
    const lsm::Context& context = engine_.context();
    Result<manifest::LiveManifest> live =
        manifest::open_live_manifest(context.directory, Access::kReadOnly);
    if (!live) return live.error();
    if (Status status = live->reader.read_all(); !status.ok()) return status;
    place = {live->reader.id().number, live->reader.position().length};
    return lsm::LogReplay::load(context.directory, context.uuid, live->reader.version());
  }

  [[nodiscard]] std::string path_of(std::uint64_t log) const {
    return state::file_path(engine_.context().directory, state::FileKind::kLog, log);
  }

  lsm::Engine& engine_;
  CheckReport report_;
};

}  // namespace

Result<CheckReport> check_database(lsm::Engine& engine) {
  return Check(engine).run();
}

}  // namespace tidelock
