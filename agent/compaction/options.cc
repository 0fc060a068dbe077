#include "agent/compaction/options.h"

#include "agent/option_kinds.h"

namespace tidelock::agent::compaction {
namespace {

constexpr const char* kExamples = R"(Examples:
  tidelock-agent compaction /tmp/compaction           without and with, 200,000 records twice
  tidelock-agent compaction /tmp/compaction --compaction off --records 2000000 --processes 8
                                                      without alone, then compacted
  tidelock-agent compaction /tmp/compaction --value-size 1000 --memtable-size 16M --json
                                                      larger values; JSON for programs)";

const Names<Which> kWhichNames{{"off", Which::kOff}, {"on", Which::kOn}, {"both", Which::kBoth}};

}  // namespace

Command::Command(CLI::App& app)
    : command_(*app.add_subcommand(
          "compaction",
          "Runs the same load on a database that is not compacted and on one that is: writes,\n"
          "then reads. Then compacts the first, and reads again. Shows how many writes and reads "
          "a\n"
          "second there were, how much lies on disk, and in how many tables and blocks.")) {
  command_.footer(kExamples);
  command_
      .add_option("DIR", settings_.directory, "Where the databases are made; removed afterwards")
      ->type_name("")
      ->required()
      ->check(CLI::Validator(
          [](const std::string& path) { return path.empty() ? "may not be empty" : ""; }, ""));
  add_choice(command_, "--compaction", settings_.which, kWhichNames, "Which of them [both]");
  add_number(command_, "--records", settings_.records, "Each is written twice", 1u, UINT32_MAX / 2);
  add_number(command_, "--processes", settings_.processes, "Client processes", 1u, 4'096u);
  add_number(command_, "--value-size", settings_.value_size, "Bytes", 0u, 1u << 24);
  add_size(command_, "--memtable-size", settings_.memtable_size,
           "Bytes before a flush: the smaller, the more tables [4M]");
  add_number(command_, "--seconds", settings_.seconds, "Of reading, each time", 0.01, 1e6);
  add_milliseconds(command_, "--interval", interval_ms_, "Over which rates are taken [250ms]");
  add_seed(command_, settings_.seed);
  command_.add_flag("--json", settings_.json, "Print everything as a JSON object");
}

std::string Command::complete() {
  if (interval_ms_ == 0) return "--interval is at least 1 ms";
  settings_.interval = std::chrono::milliseconds(interval_ms_);
  if (command_.count("--seed") == 0) settings_.seed = random_seed();
  return {};
}

}  // namespace tidelock::agent::compaction
