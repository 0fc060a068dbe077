#include "damage/meaningless.h"

#include <algorithm>
#include <cstdlib>
#include <span>
#include <utility>

#include "manifest/manifest_file.h"
#include "manifest/version_edit.h"
#include "state/file_names.h"
#include "wal/format.h"
#include "wal/reader.h"

namespace tidelock::test {

Meaningless::Meaningless(const std::string& directory, const Files& files) : files_(files) {
  for (const auto& [name, bytes] : files) {
    if (name.ends_with(".wal")) add_log(name, bytes);
  }
  add_manifest(directory);
}

// The room behind the last record is not looked at, where one that died may have left anything. (Of
// a log that is sealed, as this one is.)
void Meaningless::add_log(const std::string& name, const std::string& bytes) {
  const auto all = std::as_bytes(std::span(bytes));
  const auto header = wal::decode_log_header(all, state::parse_file_name(name)->number);
  if (!header || header->state != wal::HeaderState::kGood) std::abort();
  const wal::Position start = wal::start_of(header->header);
  wal::RecordReader reader(all.subspan(wal::kHeaderSize), start, header->header.uuid);
  while (reader.next()) {
  }
  const std::uint64_t end = wal::kHeaderSize + reader.position().lsn - start.lsn;
  ranges_[name] = {{.from = end}};
}

// The end mark is not synced: without it there may have been an append that a power cut tore. The
// last record is proved by the mark alone: without both, the manifest is as it was before. That was
// the seal, and a database without one is sound; replay goes to the end of its logs.
void Meaningless::add_manifest(const std::string& directory) {
  const auto current = manifest::read_current(directory, Access::kReadOnly);
  if (!current) std::abort();
  const auto file = manifest::ManifestFile::open(
      directory, {current->uuid, current->manifest_number}, os::FileAccess::kRead);
  if (!file) std::abort();
  manifest::ManifestPosition last = file->start();
  manifest::ManifestPosition end = last;
  std::vector<std::byte> payload;
  for (auto record = file->record_at(end);
       record.value().found == manifest::ManifestFile::Found::kEdit;
       record = file->record_at(end)) {
    last = std::exchange(end, record->end);
    payload = std::move(record->payload);
  }
  const auto edit = manifest::decode_edit(payload);
  if (!edit || !edit->seal) std::abort();
  ranges_[state::file_path("", state::FileKind::kManifest, current->manifest_number).substr(1)] = {
      {.from = end.length}, {.from = last.length, .with = end.length}};
}

bool Meaningless::covers(const std::string& file, const std::optional<std::string>& bytes) const {
  const auto sound = files_.find(file);
  if (sound == files_.end()) return true;  // no manifest names it
  if (!bytes) return false;
  const std::string& was = sound->second;
  const auto first = std::ranges::mismatch(was, *bytes).in1 - was.begin();
  const auto same_at_end =
      was.size() != bytes->size()
          ? 0
          : std::mismatch(was.rbegin(), was.rend(), bytes->rbegin()).first - was.rbegin();
  const auto from = static_cast<std::uint64_t>(first);
  const auto to = std::max(was.size(), bytes->size()) - static_cast<std::size_t>(same_at_end);
  const auto is_damaged = [&](std::uint64_t at) {
    return from < at + manifest::kRecordHeaderSize && at < to;
  };
  const auto found = ranges_.find(file);
  return found != ranges_.end() && std::ranges::any_of(found->second, [&](const Range& range) {
           return from >= range.from && (!range.with || is_damaged(*range.with));
         });
}

}  // namespace tidelock::test
