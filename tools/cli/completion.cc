#include "cli/completion.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/command.h"
#include "cli/shell_words.h"

namespace tidelock::cli {
namespace {

struct LastWord {
  std::size_t begin = 0;
  char quote = '\0';  // the one that is open at the end
};

LastWord find_last_word(std::string_view line) {
  LastWord word;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '\\' && word.quote != '\'') {
      ++i;
    } else if (word.quote != '\0') {
      if (c == word.quote) word.quote = '\0';
    } else if (c == '\'' || c == '"') {
      word.quote = c;
    } else if (c == ' ' || c == '\t') {
      word.begin = i + 1;
    }
  }
  return word;
}

std::vector<std::string> command_names(std::string_view beginning) {
  std::vector<std::string> names;
  for (const char* name : {"help", "quit"}) names.emplace_back(name);
  for (const Command& command : commands()) {
    if (command.has(kInShell)) names.emplace_back(command.name);
  }
  std::erase_if(names, [&](const std::string& name) { return !name.starts_with(beginning); });
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> option_names(const Command& command, std::string_view beginning) {
  CLI::App app;
  Settings settings;
  add_line_settings(app, command, settings);
  const Action action = command.define(app);
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (("--" + name).starts_with(beginning)) names.push_back("--" + name);
    }
  }
  return names;
}

}  // namespace

Completion complete(std::string_view line, const KeySource& keys) {
  const LastWord last = find_last_word(line);
  Completion completion{last.begin, {}};
  const std::string_view written = line.substr(last.begin);
  const auto before = split_words(line.substr(0, last.begin));
  if (!before) return completion;
  if (before->empty()) {
    completion.candidates = command_names(written);
    return completion;
  }
  const Command* command = find_command(before->front());
  if (command == nullptr || !command->has(kInShell)) return completion;
  if (written.starts_with("--")) {
    completion.candidates = option_names(*command, written);
    return completion;
  }
  std::string closed(written);
  if (last.quote != '\0') closed += last.quote;
  const auto word = split_words(closed);
  if (!word || word->size() > 1 || !command->has(kKeys)) return completion;
  for (const std::string& key : keys(word->empty() ? "" : word->front())) {
    completion.candidates.push_back(quote_word(key));
  }
  return completion;
}

std::string common_beginning(const std::vector<std::string>& candidates) {
  if (candidates.empty()) return {};
  std::string common = candidates.front();
  for (const std::string& candidate : candidates) {
    const auto [end, ignored] =
        std::mismatch(common.begin(), common.end(), candidate.begin(), candidate.end());
    common.erase(end, common.end());
  }
  return common;
}

}  // namespace tidelock::cli
