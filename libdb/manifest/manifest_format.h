#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "manifest/current.h"
#include "tidelock/status.h"

// The frame of the file MANIFEST-n: a header, then records, each chained to the one before.
//
// Invariant M1: a record header that checks out at offset q was written there, by somebody who knew
// that every byte below q was synced. For the first record is synced with the file header before
// CURRENT names the manifest; nothing is appended behind a record that is not synced; and nothing
// is ever written below the end of a synced record. So when bytes do not check out at p, but a
// header does at q > p, the bytes at p are damaged; when none does, they may be an append that was
// cut off.
//
// After the sync of a record an end mark is written behind it, not synced itself: by M1 it says
// that the record before it was. The next record overwrites it.
namespace tidelock::manifest {

// Which manifest of which database.
struct ManifestId {
  Uuid uuid{};
  std::uint64_t number = 0;
};

struct ManifestHeader {
  ManifestId id;
  std::uint64_t salt = 0;  // random; no record of another file checks out in this one
};

inline constexpr std::size_t kManifestHeaderSize = 64;
[[nodiscard]] std::array<std::byte, kManifestHeaderSize> encode_manifest_header(
    const ManifestHeader& header);
// kCorruption if damaged or of another manifest than `expected`, kUnsupported if of another format
// version. `path` is for messages only.
[[nodiscard]] Result<ManifestHeader> decode_manifest_header(std::span<const std::byte> bytes,
                                                            const ManifestId& expected,
                                                            const std::string& path);

// Persisted: never renumber.
enum class RecordKind : std::uint32_t { kEdit = 1, kEndMark = 2 };

struct RecordHeader {
  std::uint64_t offset = 0;  // its own
  std::uint64_t chain = 0;   // of all records up to and with this one
  std::uint32_t length = 0;  // bytes of payload behind the header
  RecordKind kind = RecordKind::kEdit;
};

inline constexpr std::size_t kRecordHeaderSize = 32;
[[nodiscard]] std::array<std::byte, kRecordHeaderSize> encode_record_header(
    const RecordHeader& header, std::uint64_t salt);
// Empty unless the bytes are a header that was written at `offset` of the file with this salt.
// The kind may be unknown.
[[nodiscard]] std::optional<RecordHeader> decode_record_header(
    std::span<const std::byte, kRecordHeaderSize> bytes, std::uint64_t offset, std::uint64_t salt);

// The chain of no records is the salt.
[[nodiscard]] std::uint64_t extend_chain(std::uint64_t chain, std::span<const std::byte> payload);

}  // namespace tidelock::manifest
