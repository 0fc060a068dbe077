#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/stores/store.h"

namespace tidelock::agent::shootout {

// The workload that the property files describe, if no other is named.
inline constexpr const char* kOwnWorkload = "properties";

// What a shootout compares: the command line as values.
struct Settings {
  std::string directory;
  std::vector<const StoreKind*> stores;  // the first is shown first
  std::vector<std::string> workloads;    // "a" to "f", or kOwnWorkload alone
  std::uint32_t records = 100'000;       // 0: as the property files say
  std::uint32_t processes = 4;
  double seconds = 5;  // of each run
  std::uint32_t rounds = 3;
  std::vector<std::string> run_options;  // words for the command `run`, as they were given
  std::uint64_t seed = 0;
  std::string json_file, html_file;  // empty: none; "-": standard output, instead of the table

  // Ratios are to Tidelock, or to the first one if it takes no part.
  [[nodiscard]] std::size_t yardstick() const noexcept {
    for (std::size_t i = 0; i < stores.size(); ++i) {
      if (is_tidelock(*stores[i])) return i;
    }
    return 0;
  }
};

// Who opens the store: as many processes, or, if it allows but one, as many threads of it.
[[nodiscard]] inline std::string how_run(const Settings& settings, const StoreKind& store) {
  const std::string count = std::to_string(settings.processes);
  if (store.many_processes) return count + (settings.processes == 1 ? " process" : " processes");
  return settings.processes == 1 ? "1 process" : count + " threads";
}

// And how its writers wait for each other.
[[nodiscard]] std::string how_writers_wait(const Settings& settings, const StoreKind& store);

}  // namespace tidelock::agent::shootout
