#include "lsm/table_writer.h"

#include <memory>
#include <new>
#include <string>
#include <utility>

#include "lsm/place.h"
#include "lsm/table_set.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "os/file.h"
#include "state/file_names.h"

namespace tidelock::lsm {

TableWriter::~TableWriter() {
  try {
    remove_files();
  } catch (const std::bad_alloc&) {  // a sweep removes them
  }
}

void TableWriter::remove_files() {
  if (pending_) os::unlink_made(pending_->builder.file());
  if (tables_.empty() || named_ || !check_place(context_).ok()) return;
  for (const manifest::FilePtr& table : tables_) {
    (void)os::unlink_file(
        state::file_path(context_.directory, state::FileKind::kTable, table->number));
  }
}

Status TableWriter::begin() {
  const std::uint64_t number =
      (*context_.state)->next_file_number.fetch_add(1, std::memory_order_relaxed);
  Result<os::File> file =
      os::File::create(state::file_path(context_.directory, state::FileKind::kTemporary, number),
                       context_.ownership());
  if (!file) return file.error();
  // Looked at after the file was made: a new name harms nobody, and this way none stays elsewhere.
  if (Status status = check_place(context_); !status.ok()) {
    os::unlink_made(*file);
    return status;
  }
  const std::string path = file->path();
  auto builder = table::Builder::create(
      std::move(*file), {.identity = table_identity(context_.uuid, number),
                         .block_size = context_.created.block_size,
                         .compression = context_.created.compression,
                         .bloom_bits_per_key = context_.created.bloom_bits_per_key});
  if (!builder) {
    (void)os::unlink_file(path);
    return builder.error();
  }
  pending_.emplace(Pending{number, std::move(*builder)});
  return {};
}

Status TableWriter::add(std::string_view key, table::Kind kind, std::string_view value) {
  if (!pending_) {
    if (Status status = begin(); !status.ok()) return status;
  }
  if (Status status = pending_->builder.add(key, kind, value); !status.ok()) return status;
  if (plan_.size_max != 0 && pending_->builder.file_bytes() >= plan_.size_max) return end();
  return {};
}

Status TableWriter::end() {
  Result<table::Properties> properties = pending_->builder.finish(plan_.highest_sequence);
  if (!properties) return properties.error();
  TIDELOCK_CRASH_POINT("table.written");
  if (Status status = pending_->builder.file().sync(); !status.ok()) return status;
  TIDELOCK_CRASH_POINT("table.synced");
  const std::uint64_t number = pending_->number;
  if (Status status = check_place(context_); !status.ok()) return status;
  if (Status status = os::rename_to_new(
          state::file_path(context_.directory, state::FileKind::kTemporary, number),
          state::file_path(context_.directory, state::FileKind::kTable, number));
      !status.ok()) {
    const Status place = check_place(context_);  // it may have been moved since
    return place.ok() ? status : place;
  }
  TIDELOCK_CRASH_POINT("table.renamed");
  tables_.push_back(std::make_shared<const manifest::FileMeta>(
      manifest::FileMeta{.number = number,
                         .memtable_number = plan_.memtable_number,
                         .size = properties->file_bytes,
                         .entries = properties->entries,
                         .tombstones = properties->tombstones,
                         .data_blocks = properties->blocks,
                         .highest_sequence = properties->highest_sequence,
                         .smallest = properties->smallest,
                         .largest = properties->largest}));
  pending_.reset();
  return {};
}

Status TableWriter::hand_over(const std::function<Status()>& install) {
  named_ = true;  // an exception of `install` leaves it so
  Status status = install();
  named_ = status.ok() || status.code() == StatusCode::kNotDurable;
  return status;
}

Result<std::vector<manifest::FilePtr>> TableWriter::finish() {
  if (pending_) {
    if (Status status = end(); !status.ok()) return status;
  }
  if (!tables_.empty()) {
    if (Status status = os::sync_directory(context_.directory); !status.ok()) return status;
  }
  return tables_;
}

}  // namespace tidelock::lsm
