#include "manifest/current.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <string_view>
#include <vector>

#include "manifest/codec.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "os/process.h"
#include "state/file_names.h"

namespace tidelock::manifest {

namespace {

constexpr std::string_view kMagic = "TIDECURR";
constexpr std::uint32_t kByteOrderMark = 0x01020304;

// In every format version the file begins with the magic, ends with the checksum of all before,
// and is no longer than this: so a newer file is told from a damaged one.
constexpr std::size_t kSizeMax = 4096;
constexpr std::size_t kChecksumSize = 8;

constexpr FeatureBits kKnownFeatures{};

std::string path_of(const std::string& directory) {
  return directory + "/" + state::kCurrentName;
}

Status problem(StatusCode code, const std::string& path, std::size_t offset,
               const std::string& what) {
  return Status(code, "read " + path + " at " + std::to_string(offset) + ": " + what);
}

std::string hex(std::uint64_t value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "0x";
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(value >> shift) & 15];
  return text;
}

// As other stores' files of this name are, and ours never.
bool is_text(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte byte) {
    const auto c = static_cast<unsigned char>(byte);
    return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r' || c == '\t';
  });
}

Status check_frame(std::span<const std::byte> bytes, const std::string& path) {
  const auto magic = std::as_bytes(std::span(kMagic));
  if (!std::ranges::equal(bytes.first(std::min(bytes.size(), magic.size())),
                          magic.first(std::min(bytes.size(), magic.size())))) {
    return is_text(bytes)
               ? problem(StatusCode::kUnsupported, path, 0, "this is no Tidelock database")
               : problem(StatusCode::kCorruption, path, 0, "it does not begin as it should");
  }
  if (bytes.size() < kMagic.size() + kChecksumSize || bytes.size() > kSizeMax) {
    return problem(StatusCode::kCorruption, path, bytes.size(),
                   "the file has " + std::to_string(bytes.size()) + " bytes instead of " +
                       std::to_string(kCurrentSize));
  }
  const std::size_t end = bytes.size() - kChecksumSize;
  const auto stored = Decoder(bytes.subspan(end)).get<std::uint64_t>();
  const std::uint64_t computed = XXH3_64bits(bytes.data(), end);
  if (stored != computed) {
    return problem(StatusCode::kCorruption, path, end,
                   "checksum " + hex(stored) + ", the bytes give " + hex(computed));
  }
  return {};
}

Status check_bits(std::uint64_t bits, std::uint64_t known, const char* kind,
                  const std::string& path) {
  const std::uint64_t unknown = bits & ~known;
  if (unknown == 0) return {};
  return Status(StatusCode::kUnsupported, "open " + path + ": needs the unknown " + kind +
                                              " feature bit " +
                                              std::to_string(std::countr_zero(unknown)) +
                                              "; a newer release wrote this database");
}

Status write_file(const std::string& path, std::span<const std::byte> bytes,
                  const os::FileOwnership& ownership) {
  Status removed = os::unlink_file(path);  // the rest of an install that died
  if (!removed.ok() && removed.code() != StatusCode::kNotFound) return removed;
  Result<os::File> file = os::File::create(path, ownership);
  if (!file) return file.error();
  if (Status status = file->write(0, bytes); !status.ok()) return status;
  TIDELOCK_CRASH_POINT("current.written");
  if (Status status = file->sync(); !status.ok()) return status;
  TIDELOCK_CRASH_POINT("current.synced");
  return {};
}

}  // namespace

Uuid random_uuid() {
  return {os::random_u64(), os::random_u64()};
}

std::array<std::byte, kCurrentSize> encode_current(const Current& current) {
  Encoder out;
  out.put_raw(std::as_bytes(std::span(kMagic)));
  out.put(kFormatVersion);
  out.put(kByteOrderMark);
  out.put(current.features.compatible);
  out.put(current.features.read_only_compatible);
  out.put(current.features.incompatible);
  out.put(current.uuid[0]);
  out.put(current.uuid[1]);
  out.put(current.manifest_number);
  out.put(std::uint64_t{XXH3_64bits(out.bytes().data(), out.size())});
  std::array<std::byte, kCurrentSize> bytes;
  std::ranges::copy(out.bytes(), bytes.begin());
  return bytes;
}

Result<Current> decode_current(std::span<const std::byte> bytes, const std::string& path) {
  if (Status status = check_frame(bytes, path); !status.ok()) return status;
  Decoder in(bytes);
  in.get_raw(kMagic.size());
  const auto version = in.get<std::uint32_t>();
  if (version != kFormatVersion) {
    return problem(StatusCode::kUnsupported, path, kMagic.size(),
                   "format version " + std::to_string(version) + ", this release knows " +
                       std::to_string(kFormatVersion));
  }
  const auto byte_order = in.get<std::uint32_t>();
  if (byte_order != kByteOrderMark || bytes.size() != kCurrentSize) {
    return problem(
        StatusCode::kUnsupported, path, kMagic.size() + sizeof version,
        "byte order mark " + hex(byte_order) + " in " + std::to_string(bytes.size()) + " bytes");
  }
  Current current;
  current.features.compatible = in.get<std::uint64_t>();
  current.features.read_only_compatible = in.get<std::uint64_t>();
  current.features.incompatible = in.get<std::uint64_t>();
  current.uuid[0] = in.get<std::uint64_t>();
  current.uuid[1] = in.get<std::uint64_t>();
  current.manifest_number = in.get<std::uint64_t>();
  return current;
}

Result<Current> read_current(const std::string& directory, Access access) {
  return read_current_file(path_of(directory), access);
}

Result<Current> read_current_file(const std::string& path, Access access) {
  Result<os::File> file = os::File::open(path, os::FileAccess::kRead);
  if (!file) return file.error();
  std::vector<std::byte> bytes(kSizeMax + 1);
  Result<std::size_t> size = file->read(0, bytes);
  if (!size) return size.error();
  Result<Current> current = decode_current(std::span(bytes).first(*size), path);
  if (!current) return current;
  const FeatureBits& bits = current->features;
  Status status = check_bits(bits.incompatible, kKnownFeatures.incompatible, "incompatible", path);
  if (status.ok() && access == Access::kReadWrite) {
    status = check_bits(bits.read_only_compatible, kKnownFeatures.read_only_compatible,
                        "read-only compatible", path);
  }
  if (!status.ok()) return status;
  return current;
}

Status install_current(const std::string& directory, const Current& current,
                       const os::FileOwnership& ownership) {
  const std::string path = path_of(directory);
  const std::string temporary = path + ".tmp";
  if (Status status = write_file(temporary, encode_current(current), ownership); !status.ok()) {
    return status;
  }
  if (Status status = os::rename_file(temporary, path); !status.ok()) return status;
  TIDELOCK_CRASH_POINT("current.renamed");
  if (Status status = os::sync_directory(directory); !status.ok()) {
    return Status(
        StatusCode::kNotDurable,
        "replace " + path + ": stands, but may not survive a power cut: " + status.message());
  }
  return {};
}

}  // namespace tidelock::manifest
