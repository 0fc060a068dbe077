#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "lsm/context.h"
#include "manifest/version_edit.h"
#include "table/builder.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// Writes the tables of a flush or a compaction, one after the other, each under a temporary name
// until it is whole and synced. They are removed with the object, unless an edit names them, or
// may. Killed on the way: files that a sweep removes.
class TableWriter {
 public:
  struct Plan {
    std::uint64_t size_max = 0;          // bytes after which a table is ended; 0 = never
    std::uint64_t highest_sequence = 0;  // no entry is newer
    std::uint64_t memtable_number = 0;   // level 0 only
  };
  TableWriter(Context& context, const Plan& plan) : context_(context), plan_(plan) {}
  ~TableWriter();
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

  // Ascending keys.
  [[nodiscard]] Status add(std::string_view key, table::Kind kind, std::string_view value);
  // Ends the last table; all of them are on disk, with their names. None if nothing was added.
  [[nodiscard]] Result<std::vector<manifest::FilePtr>> finish();
  // Has `install` make an edit that names the tables. Its answer; unless that, or that there is no
  // memory for one, leaves open whether the edit is in force, they are removed if it is not.
  [[nodiscard]] Status hand_over(const std::function<Status()>& install);

 private:
  struct Pending {
    std::uint64_t number;
    table::Builder builder;
  };
  [[nodiscard]] Status begin();
  [[nodiscard]] Status end();
  void remove_files();

  Context& context_;
  Plan plan_;
  std::optional<Pending> pending_;
  std::vector<manifest::FilePtr> tables_;
  bool named_ = false;  // by an edit, or perhaps
};

}  // namespace tidelock::lsm
