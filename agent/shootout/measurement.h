#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/parent.h"
#include "agent/shootout/figures.h"
#include "agent/shootout/settings.h"

namespace tidelock::agent::shootout {

// One run within a shootout.
struct RunOf {
  const StoreKind& store;
  const std::string& workload;
  std::string directory;
  bool load = false;  // first
};

// The words of its command line, from the program's name on.
[[nodiscard]] std::vector<std::string> command_line(const Settings& settings, const RunOf& run);

// Runs this very program. If a signal asks to stop, so is the run, and `interrupted` becomes true.
[[nodiscard]] Measurement measure(const Settings& settings, const RunOf& run, const Parent& parent,
                                  bool& interrupted);

// What the run printed, with its exit code.
[[nodiscard]] Measurement understand(std::string_view json, std::string_view errors, int exit_code);

}  // namespace tidelock::agent::shootout
