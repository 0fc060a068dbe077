#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tidelock/options.h"

// What `Db::repair` did.
namespace tidelock {

// One thing that was not as it should be in the files of the damaged database.
struct RepairFinding {
  enum class Effect : std::uint8_t {
    kNone = 0,      // no entry was lost by it
    kLost = 1,      // entries with `keys` are missing, or older ones stand in their place
    kPresumed = 2,  // which of two entries with such a key is newer, or whether it was erased, is
                    // taken from what else there is
  };
  Effect effect = Effect::kNone;
  std::string file;        // name in the directory
  std::uint64_t from = 0;  // bytes of it, up to `to`; both 0: all of it
  std::uint64_t to = 0;
  std::string what;
  KeyRange keys;  // no bounds: any key, as far as is known
};

struct RepairReport {
  std::uint64_t entries = 0;      // of the new database
  std::uint64_t tables = 0;       // that were read, in whole or in part
  std::uint64_t blocks = 0;       // of them
  std::uint64_t log_records = 0;  // that were read
  std::vector<RepairFinding> findings;

  // Whether the new database may differ from the old one before the damage.
  [[nodiscard]] bool complete() const noexcept {
    for (const RepairFinding& finding : findings) {
      if (finding.effect != RepairFinding::Effect::kNone) return false;
    }
    return true;
  }
};

}  // namespace tidelock
