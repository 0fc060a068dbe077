#include <grp.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "cli/arguments.h"
#include "cli/definitions.h"
#include "cli/range_arguments.h"
#include "cli/stats_text.h"

namespace tidelock::cli {
namespace {

struct CreateArguments {
  FixedOptions fixed;
  bool if_missing = false;
  std::optional<std::uint32_t> mode;
  std::optional<std::uint32_t> group;
};

Result<std::uint32_t> parse_mode(std::string_view text) {
  std::uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || mode > 0777) {
    return Status(StatusCode::kInvalid, "'" + std::string(text) + "' is no mode (example: 660)");
  }
  return mode;
}

Result<std::uint32_t> parse_group(const std::string& text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number;
  if (const struct group* group = ::getgrnam(text.c_str())) return group->gr_gid;
  return Status(StatusCode::kInvalid, "there is no group '" + text + "'");
}

Result<ExitCode> run_create(Session& session, const CreateArguments& arguments) {
  Options& open = session.settings().open;
  open.mode = arguments.if_missing ? OpenMode::kCreateIfMissing : OpenMode::kCreate;
  open.fixed = arguments.fixed;
  open.file_mode = arguments.mode;
  open.file_group = arguments.group;
  auto db = session.db();
  if (!db) return db.error();
  if (session.settings().json) {
    const auto stats = (*db)->stats();
    if (!stats) return stats.error();
    session.print_json(Json{{"uuid", stats->uuid}});
  }
  return ExitCode::kOk;
}

Result<ExitCode> run_stats(Session& session, bool tables) {
  auto db = session.db();
  if (!db) return db.error();
  const auto stats = (*db)->stats();
  if (!stats) return stats.error();
  if (session.settings().json) {
    session.print_json(stats_json(*stats, tables));
  } else {
    session.print(stats_text(*stats, tables));
  }
  return ExitCode::kOk;
}

Result<ExitCode> run_check(Session& session) {
  auto db = session.db();
  if (!db) return db.error();
  const auto report = (*db)->check();
  if (!report) return report.error();
  if (session.settings().json) {
    session.print_json(check_json(*report));
  } else {
    session.print(check_text(*report));
  }
  return report->problems.empty() ? ExitCode::kOk : ExitCode::kDamage;
}

Result<ExitCode> run_compact(Session& session, const RangeArguments& arguments) {
  const auto options = arguments.resolve(session);
  if (!options) return options.error();
  auto db = session.db();
  if (!db) return db.error();
  if (const Status status = (*db)->compact(options->range, session.settings().open.wait);
      !status.ok()) {
    return status;
  }
  if (session.settings().json) session.print_json(Json{{"compacted", true}});
  return ExitCode::kOk;
}

}  // namespace

Action define_create(CLI::App& app) {
  const auto arguments = std::make_shared<CreateArguments>();
  constexpr const char* kGroup = "Fixed for the database's life";
  FixedOptions& fixed = arguments->fixed;
  add_size(app, "--memtable-size", fixed.memtable_size, "memory before a flush (64M)")
      ->group(kGroup);
  add_size(app, "--block-size", fixed.block_size, "unit of reading in tables (4K)")->group(kGroup);
  add_choice<Compression>(
      app, "--compression", fixed.compression,
      {{"none", Compression::kNone}, {"lz4", Compression::kLz4}, {"zstd", Compression::kZstd}},
      "of table blocks (none)")
      ->group(kGroup);
  app.add_option("--bloom-bits", fixed.bloom_bits_per_key, "filter bits per key, 0 for none (10)")
      ->type_name("N")
      ->check(CLI::Range(0u, 32u))
      ->group(kGroup);
  add_choice<CompactionStyle>(
      app, "--compaction", fixed.compaction_style,
      {{"leveled", CompactionStyle::kLeveled}, {"manual", CompactionStyle::kManual}},
      "when tables are merged (leveled)")
      ->group(kGroup);
  app.add_flag("--if-missing", arguments->if_missing, "no error if there is one already");
  add_parsed(app, "--mode", arguments->mode, parse_mode, "permissions of its files, octal")
      ->type_name("MODE");
  add_parsed(app, "--group", arguments->group, parse_group, "group of its files")
      ->type_name("NAME|ID");
  return [arguments](Session& session) { return run_create(session, *arguments); };
}

Action define_stats(CLI::App& app) {
  const auto tables = std::make_shared<bool>(false);
  app.add_flag("--tables", *tables, "also every level and table with its blocks");
  return [tables](Session& session) { return run_stats(session, *tables); };
}

Action define_check(CLI::App&) {
  return run_check;
}

Action define_compact(CLI::App& app) {
  const auto range = std::make_shared<RangeArguments>();
  range->define_bounds(app);
  return [range](Session& session) { return run_compact(session, *range); };
}

}  // namespace tidelock::cli
