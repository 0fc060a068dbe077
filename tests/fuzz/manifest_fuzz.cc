// Any bytes as an edit, as a manifest file, as the payloads of records whose checksums are right,
// and as what lies behind such records.

#include <algorithm>
#include <filesystem>
#include <vector>

#include "fuzz/targets.h"
#include "manifest/codec.h"
#include "manifest/manifest_reader.h"
#include "manifest/salvage.h"
#include "os/file.h"

namespace tidelock::fuzz {

namespace {

using namespace tidelock::manifest;

constexpr ManifestId kId{.uuid = {1, 2}, .number = 1};
constexpr std::uint64_t kSalt = 3;

void require_refusal(const Status& status) {
  require(status.code() == StatusCode::kCorruption || status.code() == StatusCode::kUnsupported);
}

void check_edit(std::span<const std::byte> bytes) {
  Result<VersionEdit> edit = decode_edit(bytes);
  if (!edit) return require_refusal(edit.error());
  const std::vector<std::byte> encoded = encode_edit(*edit);
  require(encoded.size() <= bytes.size());
  Result<VersionEdit> again = decode_edit(encoded);
  require(again.has_value() && encode_edit(*again) == encoded);
}

void check_version(const Version& version) {
  if (version.empty()) return;
  const VersionEdit snapshot = version_snapshot(version);
  Result<Version> again = Version().apply(snapshot);
  require(again.has_value() && encode_edit(version_snapshot(*again)) == encode_edit(snapshot));
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    const std::span<const FilePtr> files = version.files(level);
    for (std::size_t i = 1; i < files.size(); ++i) {
      require(level == 0 ? files[i - 1]->memtable_number > files[i]->memtable_number
                         : files[i - 1]->largest < files[i]->smallest);
    }
  }
}

// What a reader believes, salvage finds too.
void check_salvaged(std::span<const std::byte> bytes, const Version& version) {
  const SalvagedManifest salvaged = salvage_manifest(bytes);
  for (const SalvagedManifest::Gap& gap : salvaged.gaps) {
    require(gap.from <= gap.to && gap.to <= bytes.size());
  }
  for (std::uint32_t level = 0; level < kLevels && !version.empty(); ++level) {
    for (const FilePtr& table : version.files(level)) {
      require(salvaged.tables.contains(table->number) || salvaged.removed.contains(table->number));
    }
  }
}

void check_file(std::span<const std::byte> bytes, std::uint64_t published) {
  static Result<os::File> file = os::File::create(scratch + "/MANIFEST-000001", {});
  require(file->write(0, bytes).ok());
  std::filesystem::resize_file(file->path(), bytes.size());
  for (const bool to_published : {true, false}) {
    Result<ManifestReader> reader = ManifestReader::open(scratch, kId);
    if (!reader) return require_refusal(reader.error());
    Status status = to_published ? reader->read_to(published) : reader->read_all();
    if (!status.ok()) require_refusal(status);
    require(!status.ok() || !reader->version().empty());
    require(reader->position().length <= bytes.size());
    check_version(reader->version());
    check_salvaged(bytes, reader->version());
    if (status.ok()) ++believed;
  }
}

// Up to `count` records with payloads from `in`, each a byte with its size / 4 and then as much.
void put_records(Decoder& in, Encoder& out, std::size_t count) {
  std::uint64_t chain = kSalt;
  for (; count > 0 && !in.at_end(); --count) {
    const auto wanted = in.get<std::uint8_t>() * std::size_t{4};
    Decoder ahead = in;
    const bool whole = ahead.get_raw(wanted).size() == wanted;
    const std::span<const std::byte> payload = in.get_raw(whole ? wanted : 0);
    chain = extend_chain(chain, payload);
    const auto length = static_cast<std::uint32_t>(payload.size());
    out.put_raw(
        encode_record_header({.offset = out.size(), .chain = chain, .length = length}, kSalt));
    out.put_raw(payload);
  }
}

}  // namespace

void manifest_target(Bytes bytes) {
  Decoder in(bytes);
  const auto published = in.get<std::uint16_t>();
  const auto records = in.get<std::uint8_t>();
  const std::span<const std::byte> rest = bytes.subspan(in.offset());
  check_edit(rest);
  check_file(rest, published);
  Encoder file;
  file.put_raw(encode_manifest_header({.id = kId, .salt = kSalt}));
  put_records(in, file, records);
  file.put_raw(bytes.subspan(in.offset()));
  check_file(file.bytes(), published);
}

}  // namespace tidelock::fuzz
