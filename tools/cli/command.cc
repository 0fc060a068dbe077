#include "cli/command.h"

#include <algorithm>
#include <array>

#include "cli/arguments.h"
#include "cli/definitions.h"

namespace tidelock::cli {
namespace {

constexpr const char* kEntries = "One key";
constexpr const char* kRanges = "Keys in order";
constexpr const char* kFiles = "Whole files";
constexpr const char* kDatabase = "The database";
constexpr Access kRead = Access::kReadOnly;
constexpr Access kWrite = Access::kReadWrite;

constexpr std::array kCommands = {
    Command{"create", kDatabase, "Make a new, empty database",
            "tidelock create db\ntidelock create db --memtable-size 256M --compression lz4", kWrite,
            false, false, define_create},
    Command{"get", kEntries, "Show a key's value",
            "tidelock get db apple\ntidelock get db 00ff --key-format hex --raw > value", kRead,
            true, true, define_get},
    Command{"put", kEntries, "Store a value under a key",
            "tidelock put db apple red\ntidelock put db photo < photo.jpg\n"
            "tidelock put db apple green --if red",
            kWrite, true, true, define_put},
    Command{"del", kEntries, "Remove keys, all or none; a missing one is no error",
            "tidelock del db apple pear", kWrite, true, true, define_del},
    Command{"exists", kEntries, "Tell whether a key is there",
            "if tidelock exists db apple > /dev/null; then ...", kRead, true, true, define_exists},
    Command{"scan", kRanges, "Show the entries of a range",
            "tidelock scan db --prefix app --limit 10\ntidelock scan db --from a --to b --reverse",
            kRead, true, true, define_scan},
    Command{"min", kRanges, "Show the entry with the smallest key", "tidelock min db", kRead, true,
            true, define_min},
    Command{"max", kRanges, "Show the entry with the largest key", "tidelock max db", kRead, true,
            true, define_max},
    Command{"above", kRanges, "Show the next entry above a key (strictly)",
            "tidelock above db apple", kRead, true, true, define_above},
    Command{"below", kRanges, "Show the next entry below a key (strictly)",
            "tidelock below db apple", kRead, true, true, define_below},
    Command{"count", kRanges, "Count the entries of a range", "tidelock count db --prefix app",
            kRead, true, true, define_count},
    Command{"load", kFiles, "Store the entries of a file or of standard input",
            "tidelock load db words.txt --jobs 4\nzcat dump.tsv.gz | tidelock load db - "
            "--format tsv",
            kWrite, true, false, define_load},
    Command{"dump", kFiles, "Write the entries of a range to a file or to standard output",
            "tidelock dump db backup.jsonl\ntidelock dump db --prefix app | sort", kRead, true,
            true, define_dump},
    Command{"stats", kDatabase, "Show sizes, positions and counters",
            "tidelock stats db --tables\ntidelock stats db --json | jq .disk_bytes", kRead, true,
            false, define_stats},
    Command{"check", kDatabase, "Read and verify everything", "tidelock check db", kRead, true,
            false, define_check},
    Command{"compact", kDatabase, "Merge a range down, dropping what is overwritten",
            "tidelock compact db", kWrite, true, true, define_compact},
    Command{"shell", kDatabase, "Run many commands on one open database",
            "tidelock shell db\nprintf 'put a 1\\nget a\\n' | tidelock shell db", kWrite, false,
            true, define_shell},
};

void add_formats(CLI::App& app, Settings& settings) {
  static const Choices<ByteFormat> kFormats = {
      {"text", ByteFormat::kText}, {"hex", ByteFormat::kHex}, {"base64", ByteFormat::kBase64}};
  constexpr const char* kGroup = "Formats";
  add_choice(app, "--key-format", settings.key_format, kFormats, "how keys are given and shown")
      ->group(kGroup);
  add_choice(app, "--value-format", settings.value_format, kFormats,
             "how values are given and shown")
      ->group(kGroup);
  const auto set_both = [&settings](ByteFormat format) {
    settings.key_format = settings.value_format = format;
  };
  add_choice_function<ByteFormat>(app, "--as", set_both, kFormats, "both at once")->group(kGroup);
  app.add_flag("--raw", settings.raw, "show bytes as they are, without escapes")->group(kGroup);
}

void add_writing(CLI::App& app, Settings& settings) {
  constexpr const char* kGroup = "Writing";
  Options& open = settings.open;
  add_choice<Wait::Policy>(app, "--wait", open.wait.policy,
                           {{"queue", Wait::Policy::kQueue},
                            {"fail-fast", Wait::Policy::kFailFast},
                            {"backoff", Wait::Policy::kBackoff}},
                           "what to do while another process writes (queue)")
      ->group(kGroup);
  add_duration(app, "--deadline", open.wait.deadline, "how long to wait at most (10s)")
      ->group(kGroup);
  add_choice<Durability>(app, "--durability", open.durability,
                         {{"process", Durability::kProcess},
                          {"durable", Durability::kDurable},
                          {"periodic", Durability::kPeriodic}},
                         "what a write has survived when it returns (process)")
      ->group(kGroup);
}

}  // namespace

std::span<const Command> commands() { return kCommands; }

const Command* find_command(std::string_view name) {
  const auto found = std::find_if(kCommands.begin(), kCommands.end(),
                                  [&](const Command& command) { return name == command.name; });
  return found == kCommands.end() ? nullptr : &*found;
}

void add_settings(CLI::App& app, const Command& command, Settings& settings) {
  app.add_option("DB", settings.path, "the database's directory")->required();
  add_line_settings(app, command, settings);
  if (command.access == Access::kReadWrite) add_writing(app, settings);
  app.add_flag("--allow-unsafe-file-system", settings.open.allow_unsafe_file_system,
               "open on network, FUSE and other unproven file systems");
}

void add_line_settings(CLI::App& app, const Command& command, Settings& settings) {
  if (command.takes_bytes) add_formats(app, settings);
  app.add_flag("--json", settings.json, "answer in JSON");
}

}  // namespace tidelock::cli
