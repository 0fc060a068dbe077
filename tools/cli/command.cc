#include "cli/command.h"

#include <algorithm>
#include <array>

#include "cli/arguments.h"
#include "cli/definitions.h"

namespace tidelock::cli {
namespace {

constexpr const char* kOneKey = "One key";
constexpr const char* kRanges = "Keys in order";
constexpr const char* kFiles = "Whole files";
constexpr const char* kDatabase = "The database";
constexpr const char* kLocks = "Locks";
constexpr Access kRead = Access::kReadOnly;
constexpr Access kWrite = Access::kReadWrite;

constexpr unsigned kAnyBytes = kKeys | kValues | kShown;

constexpr std::array kCommands = {
    Command{"create", kDatabase, "Make a new, empty database",
            "tidelock create db\ntidelock create db --memtable-size 256M --compression lz4", kWrite,
            0, define_create},
    Command{"get", kOneKey, "Show a key's value",
            "tidelock get db apple\ntidelock get db 00ff --key-format hex --raw > value", kRead,
            kInShell | kAnyBytes, define_get},
    Command{"put", kOneKey, "Store a value under a key",
            "tidelock put db apple red\ntidelock put db photo < photo.jpg\n"
            "tidelock put db apple green --if red",
            kWrite, kInShell | kKeys | kValues | kEntries, define_put},
    Command{"del", kOneKey, "Remove keys, all or none; a missing one is no error",
            "tidelock del db apple pear", kWrite, kInShell | kKeys | kEntries, define_del},
    Command{"exists", kOneKey, "Tell whether a key is there",
            "if tidelock exists db apple > /dev/null; then ...", kRead, kInShell | kKeys,
            define_exists},
    Command{"scan", kRanges, "Show the entries of a range",
            "tidelock scan db --prefix app --limit 10\ntidelock scan db --from a --to b --reverse",
            kRead, kInShell | kAnyBytes, define_scan},
    Command{"min", kRanges, "Show the entry with the smallest key", "tidelock min db", kRead,
            kInShell | kAnyBytes, define_min},
    Command{"max", kRanges, "Show the entry with the largest key", "tidelock max db", kRead,
            kInShell | kAnyBytes, define_max},
    Command{"above", kRanges, "Show the next entry above a key (strictly)",
            "tidelock above db apple", kRead, kInShell | kAnyBytes, define_above},
    Command{"below", kRanges, "Show the next entry below a key (strictly)",
            "tidelock below db apple", kRead, kInShell | kAnyBytes, define_below},
    Command{"count", kRanges, "Count the entries of a range", "tidelock count db --prefix app",
            kRead, kInShell | kKeys, define_count},
    Command{"load", kFiles, "Store the entries of a file or of standard input",
            "tidelock load db words.txt --jobs 4\nzcat dump.tsv.gz | tidelock load db - "
            "--format tsv",
            kWrite, kInShell | kEntries, define_load},
    Command{"dump", kFiles, "Write the entries of a range to a file or to standard output",
            "tidelock dump db backup.jsonl\ntidelock dump db --prefix app | sort", kRead,
            kInShell | kKeys, define_dump},
    Command{"stats", kDatabase, "Show sizes, positions and counters",
            "tidelock stats db --tables\ntidelock stats db --json | jq .disk_bytes", kRead,
            kInShell, define_stats},
    Command{"check", kDatabase, "Read and verify everything", "tidelock check db", kRead, kInShell,
            define_check},
    Command{"repair", kDatabase, "Save what is left of a damaged database into a new one",
            "tidelock repair db saved\ntidelock repair db saved --json | jq .findings", kRead, 0,
            define_repair},
    Command{"compact", kDatabase, "Merge a range down, dropping what is overwritten",
            "tidelock compact db", kWrite, kInShell | kKeys, define_compact},
    Command{"shell", kDatabase, "Run many commands on one open database",
            "tidelock shell db\nprintf 'put a 1\\nget a\\n' | tidelock shell db", kWrite,
            kAnyBytes | kEntries, define_shell},
    Command{"lock", kLocks, "Run a program while holding a file's lock: FILE [OPTIONS] -- COMMAND",
            "tidelock lock /var/lib/app/data --timeout 30 -- rebuild-index --all\n"
            "tidelock lock nightly --nonblock -- sh -c 'make && make install'",
            kWrite, kProgram, define_lock},
    Command{"queue", kLocks, "Show who holds a lock, who waits, and who got it last",
            "tidelock queue db\ntidelock queue nightly --watch\n"
            "tidelock queue db --watch --json | jq .waiters",
            kRead, kAnyLock, define_queue},
};

void add_formats(CLI::App& app, const Command& command, Settings& settings) {
  static const Choices<ByteFormat> kFormats = {
      {"text", ByteFormat::kText}, {"hex", ByteFormat::kHex}, {"base64", ByteFormat::kBase64}};
  constexpr const char* kGroup = "Formats";
  if (command.has(kKeys)) {
    add_choice(app, "--key-format", settings.key_format, kFormats,
               command.has(kShown) ? "how keys are given and shown" : "how keys are given")
        ->group(kGroup);
  }
  if (!command.has(kValues)) return;
  add_choice(app, "--value-format", settings.value_format, kFormats,
             command.has(kShown) ? "how values are given and shown" : "how values are given")
      ->group(kGroup);
  const auto set_both = [&settings](ByteFormat format) {
    settings.key_format = settings.value_format = format;
  };
  add_choice_function<ByteFormat>(app, "--as", set_both, kFormats, "both at once")->group(kGroup);
}

void add_waiting(CLI::App& app, Wait& wait) {
  constexpr const char* kGroup = "Writing";
  add_choice<Wait::Policy>(app, "--wait", wait.policy,
                           {{"queue", Wait::Policy::kQueue},
                            {"fail-fast", Wait::Policy::kFailFast},
                            {"backoff", Wait::Policy::kBackoff}},
                           "what to do while another process writes (queue)")
      ->group(kGroup);
  add_duration(app, "--deadline", wait.deadline, "how long to wait at most (10s)")->group(kGroup);
}

void add_durability(CLI::App& app, Durability& durability) {
  add_choice<Durability>(app, "--durability", durability,
                         {{"process", Durability::kProcess},
                          {"durable", Durability::kDurable},
                          {"periodic", Durability::kPeriodic}},
                         "what a write has survived when it returns (process)")
      ->group("Writing");
}

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

const Command* find_command(std::string_view name) {
  const auto found = std::find_if(kCommands.begin(), kCommands.end(),
                                  [&](const Command& command) { return name == command.name; });
  return found == kCommands.end() ? nullptr : &*found;
}

void add_settings(CLI::App& app, const Command& command, Settings& settings) {
  const auto add_path = [&](const char* name, const char* help) {
    app.add_option(name, settings.path, help)->required()->check(not_empty());
  };
  if (command.has(kProgram)) return add_path("FILE", "what is locked, though never touched");
  if (command.has(kAnyLock)) {
    add_path("DB|FILE", "the database's directory; or a file that tidelock lock locks");
  } else {
    add_path("DB", "the database's directory");
  }
  add_line_settings(app, command, settings);
  if (!command.opens_database()) return;
  app.add_flag("--allow-unsafe-file-system", settings.open.allow_unsafe_file_system,
               "open on network, FUSE and other unproven file systems");
}

void add_line_settings(CLI::App& app, const Command& command, Settings& settings) {
  add_formats(app, command, settings);
  CLI::Option* json = app.add_flag("--json", settings.json, "answer in JSON");
  if (command.has(kShown)) {
    app.add_flag("--raw", settings.raw, "show bytes as they are, without escapes")
        ->group("Formats")
        ->excludes(json);
  }
  if (command.access == Access::kReadWrite) add_waiting(app, settings.open.wait);
  if (command.has(kEntries)) add_durability(app, settings.open.durability);
}

bool asks_for_json(std::span<const std::string> words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  return std::find(words.begin(), end, "--json") != end;
}

}  // namespace tidelock::cli
