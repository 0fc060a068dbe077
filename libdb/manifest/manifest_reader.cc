#include "manifest/manifest_reader.h"

#include <algorithm>
#include <new>
#include <utility>

namespace tidelock::manifest {

namespace {

constexpr std::uint64_t kLengthUnderWhichItStays = std::uint64_t{1} << 20;
constexpr std::uint64_t kGrowthUnderWhichItStays = 4;

}  // namespace

ManifestReader::ManifestReader(ManifestFile file)
    : file_(std::move(file)), position_(file_.start()) {}

Result<ManifestReader> ManifestReader::open(const std::string& directory, const ManifestId& id) {
  Result<ManifestFile> file = ManifestFile::open(directory, id, os::FileAccess::kRead);
  if (!file) return file.error();
  return ManifestReader(std::move(*file));
}

Status ManifestReader::read_to(std::uint64_t published) {
  if (!failure_.ok()) return failure_;
  while (position_.length < published) {
    Result<ManifestFile::Record> record = file_.record_at(position_);
    if (!record) return record.error();
    if (record->found != ManifestFile::Found::kEdit) {
      return damage_at(position_.length, "no valid record, though bytes up to " +
                                             std::to_string(published) + " were published");
    }
    if (record->end.length > published) {
      return damage_at(position_.length,
                       "a record ends behind the published length " + std::to_string(published));
    }
    if (Status status = adopt(std::move(*record)); !status.ok()) return status;
  }
  if (version_.empty()) return damage_at(position_.length, "published before its first record");
  synced_length_ = std::max(synced_length_, published);
  return {};
}

Status ManifestReader::read_all() {
  if (!failure_.ok()) return failure_;
  std::uint64_t later = 0;  // offset of a record header behind the position; 0: none was seen
  for (;;) {
    Result<ManifestFile::Record> record = file_.record_at(position_);
    if (!record) return record.error();
    if (record->found == ManifestFile::Found::kEdit) {
      if (Status status = adopt(std::move(*record)); !status.ok()) return status;
      later = 0;
      continue;
    }
    if (record->found == ManifestFile::Found::kEndMark) {
      synced_length_ = position_.length;
      return {};
    }
    if (position_ == file_.start()) return damage_at(position_.length, "no valid first record");
    // Found before this look at the bytes here, so they were written before it.
    if (later != 0) {
      return damage_at(position_.length,
                       "no valid record, but a later one at " + std::to_string(later));
    }
    Result<std::optional<std::uint64_t>> search = file_.find_header_behind(position_.length);
    if (!search) return search.error();
    if (!*search) return {};
    later = **search;
  }
}

bool ManifestReader::outgrown() const {
  return position_.length >
         std::max(kLengthUnderWhichItStays, kGrowthUnderWhichItStays * first_record_end_);
}

Status ManifestReader::adopt(ManifestFile::Record record) {
  Result<VersionEdit> edit = decode_edit(record.payload);
  if (!edit) {
    return manifest_problem(edit.error().code(), file_.file().path(), position_.length,
                            edit.error().message());
  }
  record.payload = {};  // its memory is needed for what it holds
  Result<Version> next = apply_or_start_again(*edit);
  if (!next) {
    version_ = Version();
    failure_ = damage_at(position_.length, "the edit does not fit: " + next.error().message());
    return failure_;
  }
  version_ = std::move(*next);
  position_ = record.end;
  if (first_record_end_ == 0) first_record_end_ = position_.length;
  return {};
}

// The next version may be made of what this one was. Without memory for that, neither is left.
Result<Version> ManifestReader::apply_or_start_again(const VersionEdit& edit) {
  try {
    return std::move(version_).apply(edit);
  } catch (const std::bad_alloc&) {
    version_ = Version();
    position_ = file_.start();
    throw;
  }
}

Status ManifestReader::damage_at(std::uint64_t offset, const std::string& what) const {
  return manifest_problem(StatusCode::kCorruption, file_.file().path(), offset, what);
}

Result<LiveManifest> open_live_manifest(const std::string& directory, Access access) {
  std::optional<std::uint64_t> missing;
  for (;;) {
    Result<Current> current = read_current(directory, access);
    if (!current) return current.error();
    const ManifestId id{current->uuid, current->manifest_number};
    Result<ManifestReader> reader = ManifestReader::open(directory, id);
    if (reader) return LiveManifest{*current, std::move(*reader)};
    if (reader.error().code() != StatusCode::kNotFound) return reader.error();
    if (missing == id.number) {
      return Status(StatusCode::kCorruption,
                    "CURRENT names a manifest that is not there: " + reader.error().message());
    }
    missing = id.number;
  }
}

}  // namespace tidelock::manifest
