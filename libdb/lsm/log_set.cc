#include "lsm/log_set.h"

#include <optional>
#include <utility>

#include "os/directory.h"
#include "os/mapping.h"
#include "state/file_names.h"

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
  Result<os::File> file =
      os::File::open(state::file_path(context_.directory, state::FileKind::kLog, entry.log_number),
                     os::FileAccess::kReadWrite);
  if (!file) return file.error();
  auto mapping = map_log(context_, *file);
  if (!mapping) return mapping.error();
  Result<wal::LogFile> log =
      wal::LogFile::open(std::move(*file), std::move(*mapping), entry.log_number, context_.uuid);
  if (!log) return log.error();
  auto shared = std::make_shared<wal::LogFile>(std::move(*log));
  logs_.insert_or_assign(entry.log_number, shared);
  return shared;
}

void LogSet::add(std::shared_ptr<wal::LogFile> log) {
  const std::lock_guard guard(mutex_);
  const std::uint64_t number = log->header().number;
  logs_.insert_or_assign(number, std::move(log));
}

void LogSet::drop_below(std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  logs_.erase(logs_.begin(), logs_.lower_bound(number));
  named_on_disk_.erase(named_on_disk_.begin(), named_on_disk_.lower_bound(number));
}

Status LogSet::sync(wal::LogFile& log) {
  if (Status status = log.file().datasync(); !status.ok()) return status;
  {
    const std::lock_guard guard(mutex_);
    if (named_on_disk_.contains(log.header().number)) return {};
  }
  if (Status status = os::sync_directory(context_.directory); !status.ok()) return status;
  const std::lock_guard guard(mutex_);
  named_on_disk_.insert(log.header().number);
  return {};
}

}  // namespace tidelock::lsm
