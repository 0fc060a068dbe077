#include "lsm/log_set.h"

#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lsm/place.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "os/mapping.h"
#include "state/file_names.h"
#include "wal/reader.h"

namespace tidelock::lsm {

Result<std::optional<os::Mapping>> map_log(const Context& context, const os::File& file) {
  if (!context.map_logs) return std::optional<os::Mapping>();
  Result<std::uint64_t> size = file.size();
  if (!size) return size.error();
  Result<os::Mapping> mapping = os::Mapping::map(file, *size, os::Protection::kReadWrite);
  if (!mapping) return mapping.error();
  return std::optional<os::Mapping>(std::move(*mapping));
}

Result<std::shared_ptr<wal::LogFile>> LogSet::get(const state::MemtableEntry& entry) {
  const std::lock_guard guard(mutex_);
  const auto found = logs_.find(entry.log_number);
  if (found != logs_.end() && found->second->header().salt == entry.log_salt) return found->second;
  Result<std::shared_ptr<wal::LogFile>> log = open(entry);
  // Only now: what was opened by path was opened in the right place.
  if (Status place = check_place(context_); !place.ok()) return place;
  if (!log) return log;
  logs_.insert_or_assign(entry.log_number, *log);
  trusted_.erase(entry.log_number);
  return log;
}

Result<std::shared_ptr<wal::LogFile>> LogSet::open(const state::MemtableEntry& entry) const {
  Result<os::File> file =
      os::File::open(state::file_path(context_.directory, state::FileKind::kLog, entry.log_number),
                     os::FileAccess::kReadWrite);
  if (!file) return file.error();
  auto mapping = map_log(context_, *file);
  if (!mapping) return mapping.error();
  Result<wal::LogFile> log =
      wal::LogFile::open(std::move(*file), std::move(*mapping), entry.log_number, context_.uuid);
  if (!log) return log.error();
  return std::make_shared<wal::LogFile>(std::move(*log));
}

void LogSet::add(std::shared_ptr<wal::LogFile> log) {
  const std::lock_guard guard(mutex_);
  const std::uint64_t number = log->header().number;
  logs_.insert_or_assign(number, std::move(log));
  trusted_.insert(number);
}

void LogSet::drop_below(std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  logs_.erase(logs_.begin(), logs_.lower_bound(number));
  trusted_.erase(trusted_.begin(), trusted_.lower_bound(number));
  named_on_disk_.erase(named_on_disk_.begin(), named_on_disk_.lower_bound(number));
}

bool LogSet::contains(const std::set<std::uint64_t>& logs, const wal::LogFile& log) const {
  const std::lock_guard guard(mutex_);
  return logs.contains(log.header().number);
}

Status LogSet::prepare_sync(wal::LogFile& log, std::uint64_t from, std::uint64_t to) {
  return contains(trusted_, log) ? Status() : rewrite(log, from, to);
}

Status LogSet::sync(wal::LogFile& log) {
  if (Status status = log.file().datasync(); !status.ok()) {
    return Status(StatusCode::kIo, status.message());  // whatever it is: it is said once (C6)
  }
  // That a log cannot be found in its place says nothing of its bytes.
  const auto misplaced = [&log](const std::string& why) {
    return Status(StatusCode::kNotFound, "find " + log.file().path() + ": " + why);
  };
  const Result<std::uint64_t> names = log.file().link_count();
  if (!names) return misplaced(names.error().message());
  if (*names == 0) return misplaced("it was removed");
  if (!contains(named_on_disk_, log)) {
    if (Status status = os::sync_directory(context_.directory); !status.ok()) return status;
    if (Status place = check_place(context_); !place.ok()) return misplaced(place.message());
  }
  remember_synced(log.header().number);
  return {};
}

void LogSet::remember_synced(std::uint64_t number) noexcept {
  const std::lock_guard guard(mutex_);
  try {
    trusted_.insert(number);
    named_on_disk_.insert(number);
  } catch (const std::bad_alloc&) {  // then the next sync does it all again
  }
}

Status LogSet::rewrite(wal::LogFile& log, std::uint64_t from, std::uint64_t to) const {
  const wal::Position start = wal::start_of(log.header());
  Result<std::vector<std::byte>> bytes = log.read(start.lsn, to);
  if (!bytes) return bytes.error();
  wal::RecordReader reader(*bytes, start, context_.uuid);
  while (reader.next()) {
  }
  if (reader.position().lsn != to) {
    return Status(StatusCode::kCorruption,
                  "verify " + log.file().path() + " at " +
                      std::to_string(log.offset_of(reader.position().lsn)) + ": " +
                      wal::to_string(reader.stop()));
  }
  TIDELOCK_CRASH_POINT("sync.verified");
  if (from == start.lsn) {
    // Nothing of it is known to be on disk, its header neither.
    if (Status status = log.rewrite_header(); !status.ok()) return status;
  }
  return log.file().write(log.offset_of(from), std::span(*bytes).subspan(from - start.lsn));
}

}  // namespace tidelock::lsm
