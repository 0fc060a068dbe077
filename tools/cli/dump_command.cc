#include <unistd.h>

#include <memory>

#include "cli/arguments.h"
#include "cli/definitions.h"
#include "cli/dump_file.h"
#include "cli/progress.h"
#include "cli/range_arguments.h"
#include "cli/record_format.h"
#include "cli/units.h"

namespace tidelock::cli {
namespace {

struct DumpArguments {
  RangeArguments range;
  std::string file = "-";
  std::optional<RecordFormat> format;
};

// Lines are gathered before they go out, in one piece each time.
constexpr std::size_t kFlushSize = 64 << 10;

bool is_terminal(const DumpArguments& arguments) {
  return arguments.file == "-" && ::isatty(STDOUT_FILENO) != 0;
}

// About how many there are, for the progress bar: what the tables hold, if all is dumped.
std::optional<std::uint64_t> estimate_entries(Db& db, const RangeArguments& range) {
  if (range.from || range.to || range.prefix) return std::nullopt;
  const auto stats = db.stats();
  if (!stats) return std::nullopt;
  std::uint64_t entries = 0;
  for (const TableStats& table : stats->tables) entries += table.entries - table.tombstones;
  return entries;
}

// Answers in JSON are json-lines, if the answer is the dump itself.
Result<RecordFormat> choose_format(const Session& session, const DumpArguments& arguments) {
  const bool json = session.settings().json && arguments.file == "-";
  if (json && arguments.format.value_or(RecordFormat::kJsonLines) != RecordFormat::kJsonLines) {
    return Status(StatusCode::kInvalid, "--json on standard output is --format json-lines");
  }
  const auto usual =
      json ? RecordFormat::kJsonLines : format_of(arguments.file).value_or(RecordFormat::kTsv);
  return arguments.format.value_or(usual);
}

// Yields how many entries it wrote. `progress` may be null.
Result<std::uint64_t> dump_entries(Iterator& iterator, RecordFormat format, DumpFile& file,
                                   Progress* progress) {
  std::string lines;
  std::uint64_t count = 0;
  for (iterator.next(); iterator.valid(); iterator.next()) {
    Status status = append_record(format, iterator.key(), iterator.value(), lines);
    if (status.ok() && lines.size() >= kFlushSize) status = file.write(lines);
    if (!status.ok()) return status;
    ++count;
    if (progress != nullptr) progress->update(count);
  }
  if (Status status = iterator.status(); !status.ok()) return status;
  if (Status status = file.write(lines); !status.ok()) return status;
  if (Status status = file.finish(); !status.ok()) return status;
  return count;
}

Result<ExitCode> run_dump(Session& session, const DumpArguments& arguments) {
  const auto format = choose_format(session, arguments);
  if (!format) return format.error();
  const auto options = arguments.range.resolve(session);
  if (!options) return options.error();
  auto db = session.db();
  if (!db) return db.error();
  auto iterator = (*db)->iterate(*options);
  if (!iterator) return iterator.error();
  DumpFile file(arguments.file);
  if (const Status status = file.opened(); !status.ok()) return status;
  std::optional<Progress> progress;
  if (!is_terminal(arguments)) {  // it would stand between the lines
    progress.emplace("dumping", Progress::Unit::kEntries, estimate_entries(**db, arguments.range));
  }
  const auto count = dump_entries(*iterator, *format, file, progress ? &*progress : nullptr);
  progress.reset();
  if (!count) return count.error();
  if (arguments.file == "-") return ExitCode::kOk;
  if (session.settings().json) {
    session.print_json(Json{{"entries", *count}});
  } else {
    session.print("wrote " + show_entries(*count) + " to " + arguments.file + "\n");
  }
  return ExitCode::kOk;
}

}  // namespace

Action define_dump(CLI::App& app) {
  const auto arguments = std::make_shared<DumpArguments>();
  app.add_option("FILE", arguments->file, "what to write; standard output if not given")
      ->check(not_empty());
  add_choice(app, "--format", arguments->format, record_formats(),
             "what a line holds (by the file's name, else tsv)");
  arguments->range.define(app);
  return [arguments](Session& session) { return run_dump(session, *arguments); };
}

}  // namespace tidelock::cli
