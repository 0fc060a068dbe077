#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lsm/log_replay.h"
#include "lsm/source.h"
#include "memtable/memtable.h"
#include "os/mapping.h"
#include "os/private_memory.h"
#include "state/layout.h"
#include "tidelock/status.h"

namespace tidelock::lsm {

// A memtable for reading, shared by all views that hold it. It keeps its bytes alive after the
// file is gone.
class OpenMemtable {
 public:
  // Maps the arena's file. kNotFound: the view that named it is outdated.
  [[nodiscard]] static Result<std::shared_ptr<const OpenMemtable>> map(
      const std::string& directory, const state::MemtableEntry& entry);

  // Makes it anew from its log, in private memory.
  [[nodiscard]] static Result<std::shared_ptr<const OpenMemtable>> replay(const ReplayedLog& log);

  OpenMemtable(std::uint64_t log_number, std::uint64_t arena_number, os::Mapping mapping,
               const memtable::Memtable& table);
  OpenMemtable(std::uint64_t log_number, os::PrivateMemory memory, const memtable::Memtable& table);

  [[nodiscard]] std::uint64_t log_number() const { return log_number_; }
  [[nodiscard]] std::uint64_t arena_number() const { return arena_number_; }
  [[nodiscard]] const memtable::Memtable& table() const { return table_; }

 private:
  std::uint64_t log_number_;
  std::uint64_t arena_number_;
  std::optional<os::Mapping> mapping_;
  std::optional<os::PrivateMemory> memory_;
  memtable::Memtable table_;
};

// The memtable as it was at `sequence`, inside a merge.
[[nodiscard]] std::unique_ptr<Source> memtable_source(std::shared_ptr<const OpenMemtable> memtable,
                                                      std::uint64_t sequence);

}  // namespace tidelock::lsm
