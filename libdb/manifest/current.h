#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "os/file.h"
#include "tidelock/options.h"
#include "tidelock/status.h"

// The file CURRENT: which manifest is live, and whether this release may use the database at all.
namespace tidelock::manifest {

inline constexpr std::uint32_t kFormatVersion = 1;

// Made once, when the database is created; its manifests carry it too.
using Uuid = std::array<std::uint64_t, 2>;
[[nodiscard]] Uuid random_uuid();

// What the files may use beyond format version 1, one bit a feature. No bit has a meaning yet.
struct FeatureBits {
  std::uint64_t compatible = 0;            // unknown ones are kept and ignored
  std::uint64_t read_only_compatible = 0;  // with an unknown one, only reading is safe
  std::uint64_t incompatible = 0;          // with an unknown one, nothing is
  bool operator==(const FeatureBits&) const = default;
};

struct Current {
  FeatureBits features{};
  Uuid uuid{};
  std::uint64_t manifest_number = 0;
  bool operator==(const Current&) const = default;
};

inline constexpr std::size_t kCurrentSize = 72;  // of the file, in bytes
[[nodiscard]] std::array<std::byte, kCurrentSize> encode_current(const Current& current);
// `path` is for messages only.
[[nodiscard]] Result<Current> decode_current(std::span<const std::byte> bytes,
                                             const std::string& path);

// kNotFound: there is no CURRENT, so no database. kCorruption: it is damaged. kUnsupported: it is
// not ours, or needs features or a format this release does not know, for this access. Any process
// may read at any time: it sees the file before or after a replacement.
[[nodiscard]] Result<Current> read_current(const std::string& directory, Access access);
// The same of a CURRENT of another name.
[[nodiscard]] Result<Current> read_current_file(const std::string& path, Access access);

// Replaces CURRENT, so that it names a manifest which is wholly on disk already. Only the holder of
// the `manifest` byte (or of `open` exclusively) may call it: all use one temporary name. Whoever
// changes the manifest number passes on everything else as read.
//
// A death leaves the old file or the new one, and perhaps CURRENT.tmp, which the next call removes.
// An error leaves the old one, except kNotDurable: the new one stands, and a power cut may bring
// the old one back. Then both manifests must be kept, and nothing may be appended to the new one,
// until a later call succeeds.
[[nodiscard]] Status install_current(const std::string& directory, const Current& current,
                                     const os::FileOwnership& ownership);

}  // namespace tidelock::manifest
