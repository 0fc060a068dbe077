#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/arguments.h"
#include "cli/definitions.h"
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

class DumpFile {
 public:
  explicit DumpFile(const std::string& name)
      : name_(name == "-" ? "standard output" : name),
        file_(name == "-" ? stdout : std::fopen(name.c_str(), "we")) {}
  DumpFile(const DumpFile&) = delete;
  DumpFile& operator=(const DumpFile&) = delete;
  ~DumpFile() {
    if (file_ != nullptr && file_ != stdout) std::fclose(file_);
  }

  [[nodiscard]] Status opened() const { return file_ != nullptr ? Status() : failure("open"); }
  Status write(std::string& lines) {
    const bool written = std::fwrite(lines.data(), 1, lines.size(), file_) == lines.size();
    lines.clear();
    return written ? Status() : failure("write");
  }
  Status flush() { return std::fflush(file_) == 0 ? Status() : failure("write"); }

 private:
  [[nodiscard]] Status failure(const std::string& operation) const {
    return Status(StatusCode::kIo, operation + " " + name_ + ": " + std::strerror(errno));
  }

  std::string name_;
  std::FILE* file_;
};

Status dump_entries(Iterator& iterator, RecordFormat format, DumpFile& file, Progress& progress,
                    std::uint64_t& count) {
  std::string lines;
  for (iterator.next(); iterator.valid(); iterator.next()) {
    Status status = append_record(format, iterator.key(), iterator.value(), lines);
    if (status.ok() && lines.size() >= kFlushSize) status = file.write(lines);
    if (!status.ok()) return status;
    progress.update(++count);
  }
  if (Status status = iterator.status(); !status.ok()) return status;
  if (Status status = file.write(lines); !status.ok()) return status;
  return file.flush();
}

Result<ExitCode> run_dump(Session& session, const DumpArguments& arguments) {
  const auto options = arguments.range.resolve(session);
  if (!options) return options.error();
  auto db = session.db();
  if (!db) return db.error();
  auto iterator = (*db)->iterate(*options);
  if (!iterator) return iterator.error();
  DumpFile file(arguments.file);
  if (const Status status = file.opened(); !status.ok()) return status;
  const auto format =
      arguments.format.value_or(format_of(arguments.file).value_or(RecordFormat::kTsv));
  std::uint64_t count = 0;
  {
    Progress progress("dumping", Progress::Unit::kEntries, std::nullopt);
    const Status status = dump_entries(*iterator, format, file, progress, count);
    if (!status.ok()) return status;
  }
  if (arguments.file != "-") {
    if (session.settings().json) {
      session.print_json(Json{{"entries", count}});
    } else {
      session.print("wrote " + show_entries(count) + " to " + arguments.file + "\n");
    }
  }
  return ExitCode::kOk;
}

}  // namespace

Action define_dump(CLI::App& app) {
  const auto arguments = std::make_shared<DumpArguments>();
  app.add_option("FILE", arguments->file, "what to write; standard output if not given");
  add_choice(app, "--format", arguments->format, record_formats(),
             "what a line holds (by the file's name, else tsv)");
  arguments->range.define(app);
  return [arguments](Session& session) { return run_dump(session, *arguments); };
}

}  // namespace tidelock::cli
