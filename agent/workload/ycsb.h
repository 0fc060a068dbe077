#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/workload/properties.h"
#include "agent/workload/workload.h"
#include "tidelock/status.h"

// The core workload of YCSB (B. F. Cooper et al., "Benchmarking cloud serving systems with YCSB",
// 2010), told by its properties.
namespace tidelock::agent {

// What the properties ask for.
struct YcsbRun {
  Workload workload;
  std::optional<std::uint64_t> operations;  // operationcount
  std::optional<double> seconds;            // maxexecutiontime
  std::optional<double> rate;               // target: operations a second, of all clients together
  std::optional<std::uint32_t> threads;     // threadcount: of all clients together
  std::vector<std::string> unknown;         // properties that say nothing to us
};

// The properties of the workloads "a" to "f"; nullopt if there is no such one.
[[nodiscard]] std::optional<Properties> ycsb_workload(std::string_view name);

// A record is one value, as long as its fields together: a key-value store has no fields, so that
// reading or writing one of them is reading or writing the record.
[[nodiscard]] Result<YcsbRun> understand(const Properties& properties);

}  // namespace tidelock::agent
