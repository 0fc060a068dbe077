#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "manifest/current.h"
#include "manifest/version.h"
#include "memtable/memtable.h"
#include "os/file.h"
#include "tidelock/status.h"
#include "wal/log_file.h"
#include "wal/replay.h"

namespace tidelock::lsm {

// One log that replay followed. Records view the loaded bytes.
struct ReplayedLog {
  std::uint64_t number = 0;
  wal::LogHeader header{};
  std::vector<wal::Record> records{};
  memtable::Demand demand{};
  std::span<const std::byte> bytes{};  // header page, if it is whole, and records
  [[nodiscard]] wal::Position end() const {
    return records.empty() ? wal::start_of(header) : records.back().end;
  }
};

// What the logs of a directory hold beyond the tables, in private memory.
class LogReplay {
 public:
  // Reads and replays every log the version still needs. Errors as wal::replay; a directory that
  // others append to may show damage that is none, so read-only callers try twice.
  [[nodiscard]] static Result<LogReplay> load(const std::string& directory,
                                              const manifest::Uuid& uuid,
                                              const manifest::Version& version);

  [[nodiscard]] const std::vector<ReplayedLog>& logs() const { return logs_; }
  [[nodiscard]] const wal::Replayed& result() const { return result_; }

 private:
  LogReplay() = default;
  std::vector<wal::LogBytes> bytes_;
  std::vector<ReplayedLog> logs_;
  wal::Replayed result_;
};

// Applies records to a memtable, oldest first; what is there already is skipped. kLimit: the arena
// is too small.
[[nodiscard]] Status apply_record(const memtable::MemtableWriter& writer,
                                  const wal::Record& record);
[[nodiscard]] Status apply_records(const memtable::MemtableWriter& writer,
                                   const std::vector<wal::Record>& records);
// Adds what the record's operations may take of an arena.
[[nodiscard]] Status add_demand(const wal::Record& record, memtable::Demand& demand);

// A capacity that suffices but for unlucky keys; double it when it did not.
[[nodiscard]] std::uint64_t likely_arena_bytes(const memtable::Demand& demand);

}  // namespace tidelock::lsm
