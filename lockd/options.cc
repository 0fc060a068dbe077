#include "lockd/options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>
#include <map>
#include <sstream>

#include "tidelock/version.h"

namespace tidelock::lockd {
namespace {

using std::chrono::milliseconds;

constexpr const char* kAbout =
    "Keeps house for Tidelock databases: lets the next one in when a process dies that held the\n"
    "lock, flushes, compacts, syncs and sweeps for all, and tells how they are doing. Nothing\n"
    "depends on it: it may be killed at any time, and several may run.";

constexpr const char* kExamples = R"(Examples:
  tidelock-lockd /var/lib/app/db                      keep one database
  tidelock-lockd --config /etc/tidelock-lockd.conf    those the file names; SIGHUP reads it anew
  tidelock-lockd --metrics 127.0.0.1:9464 DB1 DB2     with metrics for Prometheus
  tidelock-lockd --kill-stuck-after 30s DB            end a process stopped while it holds the lock
  tidelock-lockd --once DB                            do what is due and exit, for cron

Exit codes: 0 stopped by SIGTERM or SIGINT, or --once did all; 1 no database there (--once);
2 usage; 3 busy (--once); 4 damage (--once); 5 input, output, space or permission.)";

// "250ms"; nullopt for what is no time, or longer than eleven days.
std::optional<milliseconds> parse_time(std::string_view text) {
  static const std::map<std::string_view, std::int64_t> kUnits{
      {"", 1'000}, {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}};
  constexpr std::int64_t kLongest = 1'000'000'000;
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const auto unit = kUnits.find(std::string_view(rest, static_cast<std::size_t>(end - rest)));
  if (error != std::errc() || unit == kUnits.end() || number < 0) return std::nullopt;
  if (number > kLongest / unit->second) return std::nullopt;
  return milliseconds(number * unit->second);
}

template <typename Store>
void add_time(CLI::App& app, const char* name, const char* group, const char* description,
              milliseconds least, const Store& store) {
  const auto take = [=](const std::string& word) {
    const auto time = parse_time(word);
    if (!time || *time < least) {
      throw CLI::ValidationError(name, "'" + word + "' is no time, too long or too short a one " +
                                           "(examples: 250ms, 10s, 2m)");
    }
    store(*time);
  };
  app.add_option_function<std::string>(name, take, description)->type_name("TIME")->group(group);
}

template <typename Value>
void add_choice(CLI::App& app, const char* name, Value& value,
                const std::map<std::string, Value>& names, const char* description) {
  std::vector<std::string> choices;
  for (const auto& [choice, unused] : names) choices.push_back(choice);
  const auto choose = [&value, names](const std::string& text) { value = names.at(text); };
  app.add_option_function<std::string>(name, choose, description)
      ->check(CLI::IsMember(choices).description(""))
      ->type_name(CLI::detail::join(choices, "|"))
      ->group("Output");
}

// "unix:/path", "127.0.0.1:9464", "[::1]:9464". Nothing else: metrics name paths and processes.
std::optional<MetricsAddress> parse_address(const std::string& text) {
  constexpr std::size_t kSocketPathMax = 107;
  if (text.starts_with("unix:")) {
    const std::string path = text.substr(5);
    if (path.empty() || path.size() > kSocketPathMax) return std::nullopt;
    return MetricsAddress{.host = path, .port = 0, .unix_socket = true};
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = text.substr(0, colon);
  if (host != "localhost" && host != "[::1]" && !host.starts_with("127.")) return std::nullopt;
  if (host.find_first_not_of("0123456789.") != std::string::npos && host.starts_with("127.")) {
    return std::nullopt;
  }
  if (host == "[::1]") host = "::1";
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc() || rest != end) return std::nullopt;
  return MetricsAddress{.host = host, .port = port, .unix_socket = false};
}

void add_metrics(CLI::App& app, Settings& settings) {
  const auto take = [&settings](const std::string& word) {
    settings.metrics = parse_address(word);
    if (settings.metrics) return;
    throw CLI::ValidationError("--metrics", "'" + word +
                                                "' is neither unix:PATH nor a loopback address "
                                                "and port (example: 127.0.0.1:9464)");
  };
  app.add_option_function<std::string>("--metrics", take,
                                       "Serve metrics at unix:PATH or 127.0.0.1:PORT")
      ->type_name("ADDRESS")
      ->group("Output");
}

void add_holders(CLI::App& app, Settings& settings) {
  const char* group = "Holders of the writer lock";
  add_time(app, "--warn-held-after", group, "Warn of one that holds it for so long; 0: never [10s]",
           milliseconds(0), [&settings](milliseconds time) { settings.warn_held_after = time; });
  add_time(app, "--kill-stuck-after", group,
           "Kill one that is stopped (SIGSTOP, ^Z) and holds it for so long [never]",
           milliseconds(1), [&settings](milliseconds time) { settings.kill_stuck_after = time; });
}

void add_databases(CLI::App& app, Settings& settings) {
  const char* group = "Databases";
  app.add_option("--database,DB", settings.directories,
                 "Directories, there or not there yet; none is ever created")
      ->type_name("DIRECTORY")
      ->group(group);
  app.add_flag("--once", settings.once, "Do what is due in each, and exit")->group(group);
  add_time(app, "--sync-period", group, "Sync periodic writes within this time [500ms]",
           milliseconds(1), [&settings](milliseconds time) { settings.sync_period = time; });
  app.add_flag("--allow-unsafe-file-system", settings.allow_unsafe_file_system,
               "Also where mappings and locks may not be shared correctly")
      ->group(group);
}

// Nothing is read from the file while `file` is given: it then only takes the path.
void add_config(CLI::App& app, std::string* file) {
  const char* description = "Options, as name=value lines; the command line wins";
  CLI::Option* const option = file != nullptr ? app.add_option("--config", *file, description)
                                              : app.set_config("--config", "", description);
  option->check(CLI::ExistingFile.description(""))->type_name("FILE")->group("Databases");
}

// Paths that a reload, or a change of directory, does not change. The result is a complaint.
std::string complete(Settings& settings, bool may_name_none) {
  std::vector<std::string> directories;
  for (const std::string& given : settings.directories) {
    if (given.empty()) return "a database's directory may not be empty";
    std::string path = std::filesystem::absolute(given).lexically_normal().string();
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (std::find(directories.begin(), directories.end(), path) == directories.end()) {
      directories.push_back(std::move(path));
    }
  }
  settings.directories = std::move(directories);
  if (settings.directories.empty() && !may_name_none) return "name a database";
  return {};
}

// The command line and the file it names; or, with `file`, the command line alone.
std::variant<Settings, Answer> parse(int argc, const char* const* argv, std::string* file) {
  Settings settings;
  CLI::App app(kAbout, "tidelock-lockd");
  app.set_version_flag("--version", std::string("tidelock-lockd ") + version());
  app.footer(kExamples);
  app.allow_config_extras(false);
  add_databases(app, settings);
  add_config(app, file);
  add_holders(app, settings);
  add_metrics(app, settings);
  add_choice<LogLevel>(app, "--log-level", settings.log_level,
                       {{"debug", LogLevel::kDebug},
                        {"info", LogLevel::kInfo},
                        {"warning", LogLevel::kWarning},
                        {"error", LogLevel::kError}},
                       "What is worth a line on standard error [info]");
  add_choice<LogFormat>(app, "--log-format", settings.log_format,
                        {{"text", LogFormat::kText}, {"json", LogFormat::kJson}},
                        "Lines for people or objects for programs [text]");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return Answer{.text = error.what()};
    std::ostringstream asked_for;
    app.exit(error, asked_for, asked_for);
    return Answer{.exit_code = ExitCode::kOk, .text = asked_for.str()};
  }
  const bool may_name_none = file != nullptr ? !file->empty() : !settings.once;
  std::string complaint = complete(settings, may_name_none);
  if (!complaint.empty()) return Answer{.text = std::move(complaint)};
  return settings;
}

}  // namespace

// What is wrong only when the file is read as well is wrong in the file.
std::variant<Settings, Answer> parse_command_line(int argc, const char* const* argv) {
  std::string file;
  std::variant<Settings, Answer> alone = parse(argc, argv, &file);
  if (file.empty() || std::holds_alternative<Answer>(alone)) return alone;
  std::variant<Settings, Answer> all = parse(argc, argv, nullptr);
  if (Answer* const answer = std::get_if<Answer>(&all)) answer->text.insert(0, file + ": ");
  return all;
}

}  // namespace tidelock::lockd
