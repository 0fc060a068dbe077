#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "agent/shootout/figures.h"
#include "agent/shootout/settings.h"

namespace tidelock::agent::shootout {

// A table for each workload, for people.
void print_tables(std::ostream& out, const Settings& settings, const Comparison& comparison);
// One JSON object and a line end.
void print_json(std::ostream& out, const Settings& settings, const Comparison& comparison);
// One page that refers to nothing outside of it.
void print_html(std::ostream& out, const Settings& settings, const Comparison& comparison);

// A table as text: a row of heads, then one of cells for each store. The first three columns are
// words. `us`: how microseconds are written.
inline constexpr std::size_t kColumnsOfWords = 3;
[[nodiscard]] std::vector<std::string> heads(const std::string& us = "us");
[[nodiscard]] std::vector<std::string> cells(const Settings& settings,
                                             const WorkloadOutcome& workload, std::size_t store);
// "YCSB a: get=50,put=50"
[[nodiscard]] std::string title_of(const WorkloadOutcome& workload);
// Sentences about what was compared on which machine.
[[nodiscard]] std::vector<std::string> account_of(const Settings& settings,
                                                  const Comparison& comparison);

}  // namespace tidelock::agent::shootout
