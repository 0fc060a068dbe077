#include <iomanip>
#include <nlohmann/json.hpp>
#include <ostream>

#include "agent/compaction/benchmark.h"
#include "agent/report/spread.h"
#include "agent/words.h"

namespace tidelock::agent::compaction {
namespace {

using Json = nlohmann::ordered_json;

void print_spread(std::ostream& out, const std::string& name, const std::vector<double>& values) {
  const Spread spread = spread_of(values);
  out << "  " << std::left << std::setw(26) << name << std::right;
  for (const double value :
       {spread.average, spread.minimum, spread.maximum, spread.median, spread.deviation}) {
    out << std::setw(12) << rounded(value);
  }
  out << '\n';
}

void print_reading(std::ostream& out, const std::string& when, const Reading& reading) {
  const Shape& shape = reading.shape;
  out << "  " << when << ": " << rounded(static_cast<double>(shape.disk_bytes) / 1e6)
      << " MB on disk, of which " << rounded(static_cast<double>(shape.table_bytes) / 1e6)
      << " MB in " << counted(shape.tables, "table") << " of " << grouped(shape.entries)
      << " entries\n";
  print_spread(out, "blocks per table", shape.blocks);
  print_spread(out, "reads/s", reading.reads.rates);
}

Json to_json(const std::vector<double>& values) {
  const Spread spread = spread_of(values);
  return {{"average", spread.average},
          {"minimum", spread.minimum},
          {"maximum", spread.maximum},
          {"median", spread.median},
          {"standard_deviation", spread.deviation},
          {"count", values.size()}};
}

Json to_json(const Reading& reading) {
  double blocks = 0;
  for (const double count : reading.shape.blocks) blocks += count;
  return {{"disk_bytes", reading.shape.disk_bytes},
          {"table_bytes", reading.shape.table_bytes},
          {"tables", reading.shape.tables},
          {"entries", reading.shape.entries},
          {"blocks", blocks},
          {"blocks_per_table", to_json(reading.shape.blocks)},
          {"reads", reading.reads.operations},
          {"reads_per_second", to_json(reading.reads.rates)}};
}

}  // namespace

void print_table(std::ostream& out, const Settings& settings,
                 const std::vector<Outcome>& outcomes) {
  out << grouped(settings.records) << " records of " << grouped(settings.value_size)
      << " bytes, each written twice; "
      << (settings.processes == 1 ? "1 process" : grouped(settings.processes) + " processes")
      << ", memtables of " << rounded(static_cast<double>(settings.memtable_size) / 1048576)
      << " MiB; rates of intervals of " << settings.interval.count() << " ms; seed "
      << settings.seed << '\n';
  for (const Outcome& outcome : outcomes) {
    out << "\nCompaction " << std::left << std::setw(17) << (outcome.compaction ? "on" : "off")
        << std::right;
    for (const char* head : {"average", "minimum", "maximum", "median", "deviation"}) {
      out << std::setw(12) << head;
    }
    out << '\n';
    print_spread(out, "writes/s", outcome.writes.rates);
    print_reading(out, "then", outcome.before);
    if (!outcome.after) continue;
    print_reading(out, "compacted, in " + with_decimals(outcome.compacting_s, 2) + " s",
                  *outcome.after);
  }
}

void print_json(std::ostream& out, const Settings& settings, const std::vector<Outcome>& outcomes) {
  Json runs = Json::array();
  for (const Outcome& outcome : outcomes) {
    runs.push_back({{"compaction", outcome.compaction ? "on" : "off"},
                    {"writes", outcome.writes.operations},
                    {"write_seconds", outcome.writes.seconds},
                    {"writes_per_second", to_json(outcome.writes.rates)},
                    {"before", to_json(outcome.before)},
                    {"compacting_s", outcome.after ? Json(outcome.compacting_s) : Json()},
                    {"after", outcome.after ? to_json(*outcome.after) : Json()}});
  }
  const Json json{{"settings",
                   {{"directory", settings.directory},
                    {"records", settings.records},
                    {"processes", settings.processes},
                    {"value_size", settings.value_size},
                    {"memtable_size", settings.memtable_size},
                    {"seconds", settings.seconds},
                    {"interval_ms", settings.interval.count()},
                    {"seed", settings.seed}}},
                  {"runs", std::move(runs)}};
  out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

}  // namespace tidelock::agent::compaction
