#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lsm/source.h"
#include "manifest/current.h"
#include "manifest/version.h"
#include "table/reader.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

using TablePtr = std::shared_ptr<const table::Reader>;

// All tables of one version, opened and mapped, so that they can be read after their files are
// removed. Immutable; shared by views and snapshots.
class TableSet {
 public:
  // Opens the version's tables; takes over those that `previous` (may be null) has open already.
  // kNotFound: a file is gone, so the version is outdated, or the database damaged.
  [[nodiscard]] static Result<std::shared_ptr<const TableSet>> open(const std::string& directory,
                                                                    const manifest::Uuid& uuid,
                                                                    manifest::Version version,
                                                                    const TableSet* previous);

  [[nodiscard]] const manifest::Version& version() const { return version_; }
  // In the order of Version::files.
  [[nodiscard]] const std::vector<TablePtr>& level(std::uint32_t level) const {
    return levels_[level];
  }

  struct Found {
    table::Lookup lookup;
    TablePtr table;  // keeps the value's bytes alive, unless `lookup.owner` does
  };
  // The newest entry of the key: level 0 newest first, then deeper levels.
  [[nodiscard]] Result<Found> get(std::string_view key) const;

  // A source per level-0 table, newest first, then one per deeper level that has tables.
  void add_sources(std::vector<std::unique_ptr<Source>>& sources) const;

 private:
  explicit TableSet(manifest::Version version) : version_(std::move(version)) {}

  manifest::Version version_;
  std::array<std::vector<TablePtr>, manifest::kLevels> levels_;
};

// How tables name the database and themselves.
[[nodiscard]] table::Identity table_identity(const manifest::Uuid& uuid, std::uint64_t number);
[[nodiscard]] Result<TablePtr> open_table(const std::string& directory, const manifest::Uuid& uuid,
                                          const manifest::FileMeta& meta);
[[nodiscard]] std::unique_ptr<Source> table_source(TablePtr table);
// Tables that do not overlap, in key order, as one source.
[[nodiscard]] std::unique_ptr<Source> level_source(std::vector<TablePtr> tables);

}  // namespace tidelock::lsm
