#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cli/record_format.h"
#include "cli/units.h"

// Kinds of options that several commands take. A wrong value ends the parsing with a message that
// names the option, and the program with the exit code for usage.
namespace tidelock::cli {

template <typename Value>
using Choices = std::vector<std::pair<std::string, Value>>;

// One of some words; `set` gets what it stands for.
template <typename Value>
CLI::Option* add_choice_function(CLI::App& app, const std::string& name,
                                 const std::function<void(Value)>& set,
                                 const Choices<Value>& choices, const std::string& help) {
  std::string words;
  for (const auto& choice : choices) words += (words.empty() ? "" : "|") + choice.first;
  const auto choose = [name, words, choices, set](const std::string& word) {
    const auto known = std::find_if(choices.begin(), choices.end(),
                                    [&](const auto& choice) { return choice.first == word; });
    if (known == choices.end()) {
      throw CLI::ValidationError(name, "'" + word + "' is none of " + words);
    }
    set(known->second);
  };
  return app.add_option_function<std::string>(name, choose, help)->type_name(words);
}

// The same into `target`, a Value or an optional of it.
template <typename Value, typename Target>
CLI::Option* add_choice(CLI::App& app, const std::string& name, Target& target,
                        const Choices<Value>& choices, const std::string& help) {
  const auto set = [&target](Value value) { target = value; };
  return add_choice_function<Value>(app, name, set, choices, help);
}

// A value that `parse` makes of a word, or refuses.
template <typename Parse, typename Target>
CLI::Option* add_parsed(CLI::App& app, const std::string& name, Target& target, Parse parse,
                        const std::string& help) {
  const auto take = [name, parse, &target](const std::string& word) {
    const auto value = parse(word);
    if (!value) throw CLI::ValidationError(name, value.error().message());
    target = *value;
  };
  return app.add_option_function<std::string>(name, take, help);
}

template <typename Target>
CLI::Option* add_size(CLI::App& app, const std::string& name, Target& target,
                      const std::string& help) {
  return add_parsed(app, name, target, parse_size, help)->type_name("SIZE");
}

template <typename Target>
CLI::Option* add_duration(CLI::App& app, const std::string& name, Target& target,
                          const std::string& help) {
  return add_parsed(app, name, target, parse_duration, help)->type_name("TIME");
}

// For names of files and directories: there is none without a letter.
inline CLI::Validator not_empty() {
  return CLI::Validator(
      [](const std::string& word) { return word.empty() ? "may not be empty" : ""; }, "");
}

inline Choices<RecordFormat> record_formats() {
  return {{"lines", RecordFormat::kLines},
          {"tsv", RecordFormat::kTsv},
          {"json-lines", RecordFormat::kJsonLines}};
}

}  // namespace tidelock::cli
