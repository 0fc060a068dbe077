#include "cli/stats_text.h"

#include "cli/columns.h"
#include "cli/encoding.h"
#include "cli/units.h"

namespace tidelock::cli {
namespace {

const char* name_of(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return "none";
    case Compression::kLz4:
      return "lz4";
    case Compression::kZstd:
      return "zstd";
  }
  return "unknown";
}

const char* name_of(CompactionStyle style) {
  return style == CompactionStyle::kManual ? "manual" : "leveled";
}

// Keys may be long: people see the beginning.
std::string shown_key(const std::string& key) {
  constexpr std::size_t kShown = 32;
  return key.size() <= kShown ? escape(key) : escape(key.substr(0, kShown)) + "...";
}

std::string tables_text(const Stats& stats) {
  std::vector<Row> levels = {{"level", "tables", "size"}};
  for (const LevelStats& level : stats.levels) {
    levels.push_back(
        {std::to_string(level.level), show_count(level.tables), show_size(level.bytes)});
  }
  std::vector<Row> tables = {
      {"level", "table", "size", "entries", "tombstones", "blocks", "smallest", "largest"}};
  for (const TableStats& table : stats.tables) {
    tables.push_back({std::to_string(table.level), std::to_string(table.number),
                      show_size(table.file_bytes), show_count(table.entries),
                      show_count(table.tombstones), show_count(table.data_blocks),
                      shown_key(table.smallest), shown_key(table.largest)});
  }
  return "\n" + align(levels, 0, 3) + "\n" + align(tables, 0, 6);
}

Json fixed_json(const FixedOptions& fixed) {
  Json json = Json::object();
  if (fixed.memtable_size) json["memtable_size"] = *fixed.memtable_size;
  if (fixed.block_size) json["block_size"] = *fixed.block_size;
  if (fixed.compression) json["compression"] = name_of(*fixed.compression);
  if (fixed.bloom_bits_per_key) json["bloom_bits_per_key"] = *fixed.bloom_bits_per_key;
  if (fixed.compaction_style) json["compaction_style"] = name_of(*fixed.compaction_style);
  return json;
}

Json table_json(const TableStats& table) {
  Json json{{"number", table.number},         {"level", table.level},
            {"file_bytes", table.file_bytes}, {"entries", table.entries},
            {"tombstones", table.tombstones}, {"data_blocks", table.data_blocks}};
  set_bytes(json, "smallest", table.smallest);
  set_bytes(json, "largest", table.largest);
  return json;
}

std::string fixed_text(const FixedOptions& fixed) {
  return "memtable " + show_size(fixed.memtable_size.value_or(0)) + ", block " +
         show_size(fixed.block_size.value_or(0)) + ", compression " +
         name_of(fixed.compression.value_or(Compression::kNone)) + ", bloom " +
         std::to_string(fixed.bloom_bits_per_key.value_or(0)) + " bits, compaction " +
         name_of(fixed.compaction_style.value_or(CompactionStyle::kLeveled));
}

}  // namespace

std::string stats_text(const Stats& stats, bool tables) {
  std::uint64_t table_count = 0;
  for (const LevelStats& level : stats.levels) table_count += level.tables;
  const std::vector<Row> rows = {
      {"uuid", stats.uuid},
      {"options", fixed_text(stats.fixed)},
      {"on disk", show_size(stats.disk_bytes)},
      {"tables", show_count(table_count)},
      {"memtable", show_size(stats.memtable_bytes) + " of " + show_size(stats.memtable_size) +
                       ", " + std::to_string(stats.sealed_memtables) + " sealed"},
      {"sequence", show_count(stats.sequence) + ", durable " + show_count(stats.durable_sequence)},
      {"log", show_count(stats.log_end) + " bytes since creation, durable " +
                  show_count(stats.log_durable)},
      {"view", show_count(stats.view_number)},
      {"flushes", show_count(stats.flushes)},
      {"compactions", show_count(stats.compactions) + ", " +
                          show_size(stats.compaction_bytes_written) + " written"},
      {"redos", show_count(stats.redos)},
      {"rolls", show_count(stats.rolls)},
      {"syncs",
       show_count(stats.syncs) + " for " + show_count(stats.synced_commits) + " durable commits"}};
  return align(rows, 2, 0) + (tables ? tables_text(stats) : "");
}

Json stats_json(const Stats& stats, bool tables) {
  Json json{{"uuid", stats.uuid},
            {"sequence", stats.sequence},
            {"durable_sequence", stats.durable_sequence},
            {"log_end", stats.log_end},
            {"log_durable", stats.log_durable},
            {"memtable_bytes", stats.memtable_bytes},
            {"memtable_size", stats.memtable_size},
            {"sealed_memtables", stats.sealed_memtables},
            {"disk_bytes", stats.disk_bytes},
            {"view_number", stats.view_number},
            {"flushes", stats.flushes},
            {"compactions", stats.compactions},
            {"compaction_bytes_written", stats.compaction_bytes_written},
            {"redos", stats.redos},
            {"rolls", stats.rolls},
            {"syncs", stats.syncs},
            {"synced_commits", stats.synced_commits},
            {"fixed", fixed_json(stats.fixed)}};
  if (!tables) return json;
  json["levels"] = Json::array();
  for (const LevelStats& level : stats.levels) {
    json["levels"].push_back(
        Json{{"level", level.level}, {"tables", level.tables}, {"bytes", level.bytes}});
  }
  json["tables"] = Json::array();
  for (const TableStats& table : stats.tables) json["tables"].push_back(table_json(table));
  return json;
}

std::string check_text(const CheckReport& report) {
  std::string text;
  for (const std::string& problem : report.problems) {
    text += "problem: " + printable(problem) + "\n";
  }
  const std::size_t problems = report.problems.size();
  text += problems == 0 ? "sound: "
                        : show_count(problems) + (problems == 1 ? " problem: " : " problems: ");
  return text + show_count(report.tables) + " tables with " + show_entries(report.entries) +
         " in " + show_count(report.blocks) + " blocks, " + show_entries(report.memtable_entries) +
         " in memtables, " + show_count(report.log_records) + " log records\n";
}

Json check_json(const CheckReport& report) {
  Json problems = Json::array();
  for (const std::string& problem : report.problems) problems.push_back(printable(problem));
  return Json{{"sound", report.problems.empty()},
              {"entries", report.entries},
              {"tables", report.tables},
              {"blocks", report.blocks},
              {"log_records", report.log_records},
              {"memtable_entries", report.memtable_entries},
              {"problems", problems}};
}

}  // namespace tidelock::cli
