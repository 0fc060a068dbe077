#pragma once

#include <iosfwd>

#include "agent/report.h"

namespace tidelock::agent {

// The report in words and a table, for people.
void print_summary(std::ostream& out, const Run& run, const Report& report);

// The report as one JSON object and a line end, for programs.
void print_json(std::ostream& out, const Run& run, const Report& report);

// What is wrong, if anything is, with the operations that show it.
void print_findings(std::ostream& out, const Run& run, const Report& report);

}  // namespace tidelock::agent
