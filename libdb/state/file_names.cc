#include "state/file_names.h"

#include <charconv>
#include <cstdio>

namespace tidelock::state {

namespace {

struct Pattern {
  FileKind kind;
  std::string_view prefix;
  std::string_view suffix;
};

constexpr Pattern kPatterns[] = {
    {FileKind::kLog, "", ".wal"},           {FileKind::kArena, "", ".mem"},
    {FileKind::kTable, "", ".sst"},         {FileKind::kTemporary, "", ".sst.tmp"},
    {FileKind::kManifest, "MANIFEST-", ""},
};

const Pattern& pattern_of(FileKind kind) {
  return kPatterns[static_cast<std::size_t>(kind)];
}

}  // namespace

std::string file_path(std::string_view directory, FileKind kind, std::uint64_t number) {
  const Pattern& pattern = pattern_of(kind);
  char digits[24];
  std::snprintf(digits, sizeof digits, "%06llu", static_cast<unsigned long long>(number));
  std::string path(directory);
  path.append("/").append(pattern.prefix).append(digits).append(pattern.suffix);
  return path;
}

std::optional<FileName> parse_file_name(std::string_view name) {
  for (const Pattern& pattern : kPatterns) {
    if (name.size() <= pattern.prefix.size() + pattern.suffix.size()) continue;
    if (!name.starts_with(pattern.prefix) || !name.ends_with(pattern.suffix)) continue;
    const std::string_view digits = name.substr(
        pattern.prefix.size(), name.size() - pattern.prefix.size() - pattern.suffix.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), number);
    if (error != std::errc() || end != digits.end()) return std::nullopt;
    // "7.wal" is not "000007.wal", but somebody else's file.
    if (file_path("", pattern.kind, number).substr(1) != name) return std::nullopt;
    return FileName{pattern.kind, number};
  }
  return std::nullopt;
}

}  // namespace tidelock::state
