#pragma once

#include <iosfwd>

#include "agent/contend/figures.h"
#include "agent/contend/settings.h"

namespace tidelock::agent::contend {

// A comparison in words and a table, for people.
void print_table(std::ostream& out, const Settings& settings, const Comparison& comparison);

// One JSON object and a line end.
void print_json(std::ostream& out, const Settings& settings, const Comparison& comparison);

// A line of heads, then one line a figure: policy, phase, number (of the round, or of the fault;
// from 1), figure, value.
void print_csv(std::ostream& out, const Settings& settings, const Comparison& comparison);

// One page that refers to nothing outside of it.
void print_html(std::ostream& out, const Settings& settings, const Comparison& comparison);

}  // namespace tidelock::agent::contend
