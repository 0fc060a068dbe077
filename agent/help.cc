#include "agent/help.h"

#include <algorithm>
#include <sstream>

namespace tidelock::agent {
namespace {

constexpr std::size_t kDescriptionWidth = 70;  // beside a column of 30

// Broken at blanks; the formatter indents what follows a break.
std::string wrapped(const std::string& text) {
  std::istringstream words(text);
  std::string lines;
  std::size_t length = 0;
  for (std::string word; words >> word;) {
    const bool fits = length + 1 + word.size() <= kDescriptionWidth;
    if (!lines.empty()) lines += fits ? ' ' : '\n';
    length = (fits && !lines.empty() ? length + 1 : 0) + word.size();
    lines += word;
  }
  return lines;
}

}  // namespace

std::string Help::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  std::string help = CLI::Formatter::make_help(app, std::move(name), mode);
  for (std::size_t at = help.find("\n\n\n"); at != std::string::npos;
       at = help.find("\n\n\n", at)) {
    help.erase(at, 1);
  }
  return help;
}

std::string Help::make_option_opts(const CLI::Option* option) const {
  const std::string type = option->get_type_size() == 0 ? "" : option->get_type_name();
  return type.empty() ? "" : " " + type;
}

std::string Help::make_option_desc(const CLI::Option* option) const {
  const std::string standard = option->get_default_str();
  return wrapped(option->get_description() + (standard.empty() ? "" : " [" + standard + "]"));
}

std::string Help::make_option_usage(const CLI::Option* positional) const {
  return positional->get_name() + (positional->get_expected_max() > 1 ? "..." : "");
}

// The first sentence of what it says about itself.
std::string Help::make_subcommand(const CLI::App* command) const {
  std::string sentence = command->get_description();
  std::ranges::replace(sentence, '\n', ' ');
  sentence = sentence.substr(0, sentence.find(". "));
  std::ostringstream out;
  CLI::detail::format_help(out, command->get_name(), wrapped(sentence), column_width_);
  return out.str();
}

}  // namespace tidelock::agent
