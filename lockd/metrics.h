#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lockd/keeper.h"
#include "tidelock/db.h"
#include "tidelock/lock_queue.h"

namespace tidelock::lockd {

// What one database's metrics are made of.
struct DatabaseFacts {
  std::string directory;
  std::optional<LockInfo> lock{};  // empty: not open
  std::optional<Stats> stats{};    // empty: not open, or not to be had
  const KeeperCounts* counts = nullptr;
};

[[nodiscard]] DatabaseFacts gather(Keeper& keeper);

// In the text format of Prometheus, version 0.0.4. Each family once, with its samples together.
[[nodiscard]] std::string metrics_text(const std::vector<DatabaseFacts>& databases);

// What stands between the quotes of a label. Bytes that are no UTF-8 are replaced.
[[nodiscard]] std::string escape_label(std::string_view text);

}  // namespace tidelock::lockd
