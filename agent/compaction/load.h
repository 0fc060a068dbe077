#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/compaction/settings.h"
#include "agent/parent.h"
#include "tidelock/db.h"

// The load: processes that write, or read, the same keys in the same order whatever the database.
namespace tidelock::agent::compaction {

// A record's key; the records are those below `Settings::records`.
[[nodiscard]] std::string key_of(std::uint32_t record);

struct Phase {
  double seconds = 0;
  std::uint64_t operations = 0;
  std::vector<double> rates;  // operations a second in each interval
};

// Every record is written twice, each time in a scattered order.
[[nodiscard]] Result<Phase> write(const Settings& settings, const std::string& directory,
                                  const Parent& parent);
// Records are read at random, for `Settings::seconds`. kCorruption: one is not there.
[[nodiscard]] Result<Phase> read(const Settings& settings, const std::string& directory,
                                 const Parent& parent);

}  // namespace tidelock::agent::compaction
