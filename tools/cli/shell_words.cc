#include "cli/shell_words.h"

#include <optional>

#include "cli/encoding.h"

namespace tidelock::cli {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kSpecial = " '\"#";  // a backslash before one takes its meaning away

bool is_blank(char c) {
  return kBlanks.find(c) != std::string_view::npos;
}

Status invalid(const char* message) {
  return Status(StatusCode::kInvalid, message);
}

// Reads words from the left; `position` stands on the next character.
class Splitter {
 public:
  explicit Splitter(std::string_view line) : line_(line) {}

  // nullopt at the end of the line.
  Result<std::optional<std::string>> next() {
    while (!at_end() && is_blank(here())) ++position_;
    if (at_end() || here() == '#') return std::optional<std::string>();
    std::string word;
    while (!at_end() && !is_blank(here())) {
      if (const Status status = take_part(word); !status.ok()) return status;
    }
    return std::optional(std::move(word));
  }

 private:
  [[nodiscard]] bool at_end() const { return position_ == line_.size(); }
  [[nodiscard]] char here() const { return line_[position_]; }

  Status take_part(std::string& word) {
    if (here() == '\'') return take_literal(word);
    if (here() == '"') return take_quoted(word);
    if (here() == '\\') return take_escape(word);
    word += line_[position_++];
    return Status();
  }

  Status take_literal(std::string& word) {
    const std::size_t end = line_.find('\'', position_ + 1);
    if (end == std::string_view::npos) return invalid("the ' does not end");
    word += line_.substr(position_ + 1, end - position_ - 1);
    position_ = end + 1;
    return Status();
  }

  Status take_quoted(std::string& word) {
    for (++position_; !at_end() && here() != '"';) {
      if (here() != '\\') {
        word += line_[position_++];
      } else if (const Status status = take_escape(word); !status.ok()) {
        return status;
      }
    }
    if (at_end()) return invalid("the \" does not end");
    ++position_;
    return Status();
  }

  Status take_escape(std::string& word) {
    const std::string_view rest = line_.substr(position_);
    if (rest.size() > 1 && kSpecial.find(rest[1]) != std::string_view::npos) {
      word += rest[1];
      position_ += 2;
      return Status();
    }
    const std::size_t length = rest.starts_with("\\x") ? 4 : 2;
    auto byte = unescape(rest.substr(0, length));
    if (!byte) return byte.error();
    word += *byte;
    position_ += length;
    return Status();
  }

  std::string_view line_;
  std::size_t position_ = 0;
};

}  // namespace

Result<std::vector<std::string>> split_words(std::string_view line) {
  std::vector<std::string> words;
  for (Splitter splitter(line);;) {
    auto word = splitter.next();
    if (!word) return word.error();
    if (!word->has_value()) return words;
    words.push_back(**std::move(word));
  }
}

std::string quote_word(std::string_view bytes) {
  if (bytes.empty()) return "\"\"";
  std::string word;
  for (const char c : escape(bytes)) {
    if (kSpecial.find(c) != std::string_view::npos) word += '\\';
    word += c;
  }
  return word;
}

}  // namespace tidelock::cli
