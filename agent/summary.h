#pragma once

#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "agent/report.h"

namespace tidelock::agent {

// The report in words and a table, for people.
void print_summary(std::ostream& out, const Run& run, const Report& report);

// The report as one JSON object and a line end, for programs.
void print_json(std::ostream& out, const Run& run, const Report& report);

// A line of heads, then one line an interval.
void print_csv(std::ostream& out, const Run& run, const Report& report);

// One page with charts, which refers to nothing outside of it.
void print_html(std::ostream& out, const Run& run, const Report& report);

// The settings by the names that they have in JSON; those that were not asked for are left out.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> settings_in_words(const Run& run);

// Parts of the summary.
void print_settings(std::ostream& out, const Settings& settings);
void print_measures(std::ostream& out, const Run& run, const Report& report);
void print_conclusion(std::ostream& out, const Run& run, const Report& report);

// What is wrong, if anything is, with the operations that show it.
void print_findings(std::ostream& out, const Run& run, const Report& report);

}  // namespace tidelock::agent
