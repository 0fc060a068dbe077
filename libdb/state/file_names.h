#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Names of the files of a database directory.
namespace tidelock::state {

inline constexpr const char* kLockName = "LOCK";
inline constexpr const char* kQueueName = "QUEUE";
inline constexpr const char* kStateName = "STATE";
inline constexpr const char* kEventLogName = "LOG";
inline constexpr const char* kCurrentName = "CURRENT";
// CURRENT of a database that is being destroyed.
inline constexpr const char* kDestroyedName = "DESTROYED";

enum class FileKind : std::uint8_t { kLog, kArena, kTable, kTemporary, kManifest };

struct FileName {
  FileKind kind;
  std::uint64_t number;
};

// "<directory>/000007.sst", ".../MANIFEST-000001"; a temporary table is "000007.sst.tmp".
[[nodiscard]] std::string file_path(std::string_view directory, FileKind kind,
                                    std::uint64_t number);
// Nothing for a name that is not exactly what `file_path` makes of its kind and number: such a file
// is somebody else's, and neither read nor removed.
[[nodiscard]] std::optional<FileName> parse_file_name(std::string_view name);

}  // namespace tidelock::state
