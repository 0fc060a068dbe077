#include "manifest/manifest_file.h"

#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include "os/error.h"
#include "state/file_names.h"

namespace tidelock::manifest {

namespace {

constexpr std::size_t kSearchChunk = std::size_t{64} << 10;

using HeaderBytes = std::span<const std::byte, kRecordHeaderSize>;

}  // namespace

ManifestFile::ManifestFile(os::File file, const ManifestHeader& header)
    : file_(std::move(file)), header_(header) {}

Result<ManifestFile> ManifestFile::open(const std::string& directory, const ManifestId& id,
                                        os::FileAccess access) {
  const std::string path = state::file_path(directory, state::FileKind::kManifest, id.number);
  Result<os::File> file = os::File::open(path, access);
  if (!file) return file.error();
  Result<std::uint64_t> links = file->link_count();
  if (!links) return links.error();
  if (*links > 1) return os::error_status(EMLINK, "open", path);
  std::array<std::byte, kManifestHeaderSize> bytes;
  Result<std::size_t> size = file->read(0, bytes);
  if (!size) return size.error();
  Result<ManifestHeader> header = decode_manifest_header(std::span(bytes).first(*size), id, path);
  if (!header) return header.error();
  return ManifestFile(std::move(*file), *header);
}

Result<ManifestFile::Record> ManifestFile::record_at(const ManifestPosition& at) const {
  std::array<std::byte, kRecordHeaderSize> bytes;
  Result<std::size_t> count = file_.read(at.length, bytes);
  if (!count) return count.error();
  if (*count < bytes.size()) return Record{};
  const auto header = decode_record_header(bytes, at.length, header_.salt);
  if (!header) return Record{};
  const std::uint64_t start = at.length + kRecordHeaderSize;
  // The length is not trusted with memory before the file is known to have as much.
  Result<std::uint64_t> size = file_.size();
  if (!size) return size.error();
  if (*size < start || *size - start < header->length) return Record{};
  Record record;
  record.payload.resize(header->length);
  Result<std::size_t> read = file_.read(start, record.payload);
  if (!read) return read.error();
  if (*read < header->length) return Record{};
  if (header->chain != extend_chain(at.chain, record.payload)) return Record{};
  if (header->kind != RecordKind::kEdit && header->kind != RecordKind::kEndMark) {
    return manifest_problem(StatusCode::kUnsupported, file_.path(), at.length,
                            "unknown record kind " +
                                std::to_string(static_cast<std::uint32_t>(header->kind)) +
                                "; a newer release may have written it");
  }
  record.found = header->kind == RecordKind::kEdit ? Found::kEdit : Found::kEndMark;
  record.end = {start + header->length, header->chain};
  return record;
}

Result<std::optional<std::uint64_t>> ManifestFile::find_header_behind(std::uint64_t offset) const {
  std::vector<std::byte> chunk(kSearchChunk);
  std::uint64_t start = offset + 1;
  for (;;) {
    Result<std::size_t> count = file_.read(start, chunk);
    if (!count) return count.error();
    if (*count < kRecordHeaderSize) return std::optional<std::uint64_t>();
    const std::size_t candidates = *count - kRecordHeaderSize + 1;
    for (std::size_t i = 0; i < candidates; ++i) {
      const HeaderBytes bytes = std::span(chunk).subspan(i).first<kRecordHeaderSize>();
      if (decode_record_header(bytes, start + i, header_.salt)) return std::optional(start + i);
    }
    start += candidates;
  }
}

Status manifest_problem(StatusCode code, const std::string& path, std::uint64_t offset,
                        const std::string& what) {
  return Status(code, "read " + path + " at " + std::to_string(offset) + ": " + what);
}

}  // namespace tidelock::manifest
