#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <vector>

#include "agent/compaction/load.h"
#include "agent/compaction/settings.h"

namespace tidelock::agent::compaction {

// How the database lies on disk, all of it in tables.
struct Shape {
  std::uint64_t disk_bytes = 0, table_bytes = 0;
  std::uint64_t tables = 0, entries = 0;
  std::vector<double> blocks;  // of each table
};

// What was read from a database of that shape.
struct Reading {
  Shape shape;
  Phase reads;
};

struct Outcome {
  bool compaction = false;  // was it on while the load ran?
  Phase writes;
  Reading before;                // right after the writes
  std::optional<Reading> after;  // of one without compaction: when it was compacted at last
  double compacting_s = 0;
};

[[nodiscard]] Result<std::vector<Outcome>> measure(const Settings& settings);

void print_table(std::ostream& out, const Settings& settings, const std::vector<Outcome>& outcomes);
void print_json(std::ostream& out, const Settings& settings, const std::vector<Outcome>& outcomes);

// The result is the exit code.
[[nodiscard]] int run_compaction(const Settings& settings);

}  // namespace tidelock::agent::compaction
