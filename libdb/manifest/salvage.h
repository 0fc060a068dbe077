#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "manifest/current.h"
#include "manifest/version_edit.h"

namespace tidelock::manifest {

// What is left of a manifest. An edit is taken only if the chain proves it: the value before it,
// which the header of the record before holds though its payload may be lost, or the record behind
// it. The rest is the sum of those edits, as far as it goes.
struct SalvagedManifest {
  struct Place {
    std::uint32_t level = 0;
    FilePtr file;
  };
  struct Gap {
    std::uint64_t from = 0;  // in the file
    std::uint64_t to = 0;
  };

  bool header_sound = false;
  Uuid uuid{};  // if the header is sound
  // The first record is there, and every one behind it that was once synced, as far as the file
  // tells. (One cut short behind a record does not tell.)
  bool complete = false;
  std::vector<Gap> gaps;
  std::map<std::uint64_t, Place> tables;  // by number
  std::set<std::uint64_t> removed;        // tables that no longer count, whatever gaps hid
  std::uint64_t oldest_log = 0;
  std::uint64_t oldest_lsn = 0;
  std::uint64_t oldest_sequence = 0;
  std::uint64_t last_sequence = 0;
  std::optional<Seal> seal;  // unset also if a gap may have taken it back
  std::optional<CreationOptions> created;
};

// Any bytes may be given: of a file MANIFEST-n, whole.
[[nodiscard]] SalvagedManifest salvage_manifest(std::span<const std::byte> bytes);

}  // namespace tidelock::manifest
