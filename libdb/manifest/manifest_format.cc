#include "manifest/manifest_format.h"

#include <xxhash.h>

#include <algorithm>
#include <string_view>

#include "manifest/codec.h"

namespace tidelock::manifest {

namespace {

constexpr std::string_view kMagic = "TIDEMANI";

// In every format version the header has this size and ends with its checksum: so a newer file is
// told from a damaged one.
constexpr std::size_t kHeaderChecksumOffset = kManifestHeaderSize - 8;

Status problem(StatusCode code, const std::string& path, std::size_t offset,
               const std::string& what) {
  return Status(code, "read " + path + " at " + std::to_string(offset) + ": " + what);
}

}  // namespace

std::array<std::byte, kManifestHeaderSize> encode_manifest_header(const ManifestHeader& header) {
  Encoder out;
  out.put_raw(std::as_bytes(std::span(kMagic)));
  out.put(kFormatVersion);
  out.put(std::uint32_t{0});
  out.put(header.id.uuid[0]);
  out.put(header.id.uuid[1]);
  out.put(header.id.number);
  out.put(header.salt);
  out.put(std::uint64_t{0});
  out.put(std::uint64_t{XXH3_64bits(out.bytes().data(), kHeaderChecksumOffset)});
  std::array<std::byte, kManifestHeaderSize> bytes;
  std::ranges::copy(out.bytes(), bytes.begin());
  return bytes;
}

Result<ManifestHeader> decode_manifest_header(std::span<const std::byte> bytes,
                                              const ManifestId& expected, const std::string& path) {
  if (bytes.size() < kManifestHeaderSize) {
    return problem(StatusCode::kCorruption, path, bytes.size(), "the file ends in its header");
  }
  Decoder in(bytes.first(kManifestHeaderSize));
  const bool magic_fits =
      std::ranges::equal(in.get_raw(kMagic.size()), std::as_bytes(std::span(kMagic)));
  const auto version = in.get<std::uint32_t>();
  in.get<std::uint32_t>();
  ManifestHeader header;
  header.id.uuid[0] = in.get<std::uint64_t>();
  header.id.uuid[1] = in.get<std::uint64_t>();
  header.id.number = in.get<std::uint64_t>();
  header.salt = in.get<std::uint64_t>();
  in.get<std::uint64_t>();
  const auto checksum = in.get<std::uint64_t>();
  if (!magic_fits || checksum != XXH3_64bits(bytes.data(), kHeaderChecksumOffset)) {
    return problem(StatusCode::kCorruption, path, 0, "the header is damaged");
  }
  if (version != kFormatVersion) {
    return problem(StatusCode::kUnsupported, path, kMagic.size(),
                   "format version " + std::to_string(version) + ", this release knows " +
                       std::to_string(kFormatVersion));
  }
  if (header.id.uuid != expected.uuid) {
    return problem(StatusCode::kCorruption, path, 0, "the file belongs to another database");
  }
  if (header.id.number != expected.number) {
    return problem(StatusCode::kCorruption, path, 0,
                   "the header names manifest " + std::to_string(header.id.number));
  }
  return header;
}

std::array<std::byte, kRecordHeaderSize> encode_record_header(const RecordHeader& header,
                                                              std::uint64_t salt) {
  Encoder fields;
  fields.put(header.offset);
  fields.put(header.chain);
  fields.put(header.length);
  fields.put(static_cast<std::uint32_t>(header.kind));
  Encoder out;
  out.put(std::uint64_t{XXH3_64bits_withSeed(fields.bytes().data(), fields.size(), salt)});
  out.put_raw(fields.bytes());
  std::array<std::byte, kRecordHeaderSize> bytes;
  std::ranges::copy(out.bytes(), bytes.begin());
  return bytes;
}

std::optional<RecordHeader> decode_record_header(
    std::span<const std::byte, kRecordHeaderSize> bytes, std::uint64_t offset, std::uint64_t salt) {
  Decoder in(bytes);
  const auto checksum = in.get<std::uint64_t>();
  RecordHeader header;
  header.offset = in.get<std::uint64_t>();
  // First the cheap comparison: a search for headers tries every byte of a tail.
  if (header.offset != offset) return std::nullopt;
  header.chain = in.get<std::uint64_t>();
  header.length = in.get<std::uint32_t>();
  header.kind = static_cast<RecordKind>(in.get<std::uint32_t>());
  constexpr std::size_t kFields = sizeof checksum;
  if (checksum != XXH3_64bits_withSeed(bytes.data() + kFields, kRecordHeaderSize - kFields, salt)) {
    return std::nullopt;
  }
  return header;
}

std::uint64_t extend_chain(std::uint64_t chain, std::span<const std::byte> payload) {
  return XXH3_64bits_withSeed(payload.data(), payload.size(), chain);
}

}  // namespace tidelock::manifest
