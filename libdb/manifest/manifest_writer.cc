#include "manifest/manifest_writer.h"

#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "manifest/codec.h"
#include "manifest/version.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "os/process.h"
#include "state/file_names.h"

namespace tidelock::manifest {

namespace {

struct EncodedRecord {
  std::vector<std::byte> bytes;
  ManifestPosition end;
};

EncodedRecord encode_record(const ManifestPosition& at, RecordKind kind,
                            std::span<const std::byte> payload, std::uint64_t salt) {
  const std::uint64_t chain = extend_chain(at.chain, payload);
  const auto length = static_cast<std::uint32_t>(payload.size());
  Encoder out;
  out.put_raw(encode_record_header(
      {.offset = at.length, .chain = chain, .length = length, .kind = kind}, salt));
  out.put_raw(payload);
  return {std::move(out).take(), {at.length + kRecordHeaderSize + length, chain}};
}

Result<std::vector<std::byte>> encode_payload(const VersionEdit& edit) {
  std::vector<std::byte> payload = encode_edit(edit);
  if (payload.size() <= std::numeric_limits<std::uint32_t>::max()) return payload;
  return Status(StatusCode::kTooLarge,
                "a manifest edit of " + std::to_string(payload.size()) + " bytes");
}

Status write_whole(const std::string& path, std::span<const std::byte> header,
                   std::span<const std::byte> record, const os::FileOwnership& ownership) {
  Result<os::File> file = os::File::create(path, ownership);
  if (!file) return file.error();
  Status status = file->write(0, header);
  if (status.ok()) status = file->write(header.size(), record);
  if (status.ok()) status = file->sync();
  if (!status.ok()) os::unlink_made(*file);  // the first error is the one that counts
  return status;
}

}  // namespace

Result<ManifestPosition> create_manifest(const std::string& directory, const ManifestId& id,
                                         const VersionEdit& snapshot,
                                         const os::FileOwnership& ownership) {
  if (Result<Version> version = Version().apply(snapshot); !version) return version.error();
  Result<std::vector<std::byte>> payload = encode_payload(snapshot);
  if (!payload) return payload.error();
  const std::string path = state::file_path(directory, state::FileKind::kManifest, id.number);
  const ManifestHeader header{.id = id, .salt = os::random_u64()};
  const EncodedRecord record =
      encode_record({kManifestHeaderSize, header.salt}, RecordKind::kEdit, *payload, header.salt);
  Status status = write_whole(path, encode_manifest_header(header), record.bytes, ownership);
  if (!status.ok()) return status;
  if (status = os::sync_directory(directory); !status.ok()) {
    (void)os::unlink_file(path);
    return status;
  }
  TIDELOCK_CRASH_POINT("manifest.created");
  return record.end;
}

ManifestWriter::ManifestWriter(ManifestFile file) : file_(std::move(file)) {}

Result<ManifestWriter> ManifestWriter::open(const std::string& directory, const ManifestId& id) {
  Result<ManifestFile> file = ManifestFile::open(directory, id, os::FileAccess::kReadWrite);
  if (!file) return file.error();
  return ManifestWriter(std::move(*file));
}

Result<ManifestPosition> ManifestWriter::append(const ManifestPosition& at,
                                                const VersionEdit& edit) {
  Result<std::vector<std::byte>> payload = encode_payload(edit);
  if (!payload) return payload.error();
  if (Status status = check_nothing_at(at); !status.ok()) return status;
  const EncodedRecord record = encode_record(at, RecordKind::kEdit, *payload, file_.header().salt);
  if (Status status = file_.file().write(at.length, record.bytes); !status.ok()) return status;
  TIDELOCK_CRASH_POINT("manifest.appended");
  if (Status status = sync_record(); !status.ok()) return status;
  TIDELOCK_CRASH_POINT("manifest.synced");
  mark_end(record.end);
  TIDELOCK_CRASH_POINT("manifest.marked");
  return record.end;
}

// Going over a whole record would take back what others read, or break M1.
Status ManifestWriter::check_nothing_at(const ManifestPosition& at) const {
  Result<ManifestFile::Record> record = file_.record_at(at);
  if (!record) return record.error();
  if (record->found != ManifestFile::Found::kEdit) return {};
  return Status(StatusCode::kInvalid, "append to " + file_.file().path() + " at " +
                                          std::to_string(at.length) + ": a record is there");
}

Status ManifestWriter::sync_record() {
  Status status = file_.file().datasync();
  if (status.ok()) {
    Result<std::uint64_t> links = file_.file().link_count();
    if (links && *links > 0) return {};
    status = links ? Status(StatusCode::kNotFound, "the file was unlinked") : links.error();
  }
  return Status(StatusCode::kNotDurable, "append to " + file_.file().path() +
                                             ": the edit may not survive: " + status.message());
}

void ManifestWriter::mark_end(const ManifestPosition& end) {
  const EncodedRecord mark = encode_record(end, RecordKind::kEndMark, {}, file_.header().salt);
  (void)file_.file().write(end.length, mark.bytes);
}

}  // namespace tidelock::manifest
