#include "agent/compare_options.h"

#include <algorithm>
#include <string_view>

namespace tidelock::agent {
namespace {

constexpr const char* kExamples = R"(Examples:
  tidelock-agent compare a.json b.json                ratios of what two runs printed with --json
  tidelock-agent compare a1.json a2.json a3.json -- b1.json b2.json b3.json
                                                      of the medians of three runs each, with
                                                      the least and the greatest of them
  tidelock-agent compare a.json b.json c.json --json  three runs; JSON for programs

Exit codes: 0 done, 2 usage, or a file is no report of a run, 5 a file cannot be read.)";

constexpr std::size_t kSidesMax = 26;  // which have letters for names

}  // namespace

CompareCommand::CompareCommand(CLI::App& app)
    : command_(*app.add_subcommand(
          "compare",
          "Prints the figures of several runs side by side, and their ratios to the first.\n"
          "What stands between two -- are runs of the same kind: their medians are compared.")) {
  command_.footer(kExamples);
  command_.add_option("FILES", words_, "Reports that run --json printed, two or more")
      ->type_name("")
      ->required()
      ->expected(2, 10'000);
  command_.add_flag("--json", settings_.json, "Print everything as a JSON object");
}

std::vector<const char*> CompareCommand::keep_divisions(int argc, const char* const* argv) {
  std::vector<const char*> words(argv, argv + argc);
  if (argc > 1 && std::string_view(argv[1]) == "compare") {
    std::ranges::replace_if(
        words, [](const char* word) { return std::string_view(word) == "--"; }, "");
  }
  return words;
}

std::string CompareCommand::complete() {
  std::vector<std::vector<std::string>>& sides = settings_.sides;
  if (std::ranges::find(words_, "") == words_.end()) {
    for (const std::string& file : words_) sides.push_back({file});
  } else {
    sides.emplace_back();
    for (const std::string& word : words_) {
      if (word.empty()) {
        sides.emplace_back();
      } else {
        sides.back().push_back(word);
      }
    }
  }
  const auto empty = [](const std::vector<std::string>& side) { return side.empty(); };
  if (std::ranges::any_of(sides, empty)) return "compare: no file before or after --";
  if (sides.size() > kSidesMax) return "compare: more than " + std::to_string(kSidesMax) + " sides";
  return {};
}

}  // namespace tidelock::agent
