#include "agent/workload/properties.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "agent/workload/fields.h"

namespace tidelock::agent {
namespace {

constexpr std::string_view kBlank = " \t\r\f";
constexpr std::string_view kEndsName = "=: \t\r\f";

// An odd number of them.
bool ends_in_backslash(std::string_view line) {
  const std::size_t last = line.find_last_not_of('\\');
  return (line.size() - (last == std::string_view::npos ? 0 : last + 1)) % 2 == 1;
}

std::string_view without_indent(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kBlank), text.size()));
}

// What a backslash stands before stays.
std::string_view without_blank_end(std::string_view text) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  const std::string_view rest = text.substr(0, text.find_last_not_of(kBlank) + 1);
  return text.substr(0, rest.size() + (ends_in_backslash(rest) ? 1 : 0));
}

// As UTF-8, where it is one unit of UTF-16: no half of a pair.
bool add_unit(std::uint32_t unit, std::string& to) {
  if (unit >= 0xD800 && unit < 0xE000) return false;
  if (unit < 0x80) {
    to += static_cast<char>(unit);
    return true;
  }
  if (unit < 0x800) {
    to += static_cast<char>(0xC0 | unit >> 6);
  } else {
    to += static_cast<char>(0xE0 | unit >> 12);
    to += static_cast<char>(0x80 | (unit >> 6 & 0x3F));
  }
  to += static_cast<char>(0x80 | (unit & 0x3F));
  return true;
}

// Moves the first character of `text` to the end of `to`. False: an escape that is none.
bool take_character(std::string_view& text, std::string& to) {
  constexpr std::size_t kDigits = 4;
  const auto take = [&text](std::size_t count) {
    const std::string_view taken = text.substr(0, count);
    text.remove_prefix(taken.size());
    return taken;
  };
  if (text.front() != '\\') {
    to += take(1);
    return true;
  }
  take(1);
  const std::string_view escaped = take(1);
  if (escaped != "u") {
    const std::size_t special = std::string_view("tnrf").find(escaped);
    to += escaped.empty() || special == std::string_view::npos
              ? escaped
              : std::string_view("\t\n\r\f").substr(special, 1);
    return true;
  }
  const std::string_view digits = take(kDigits);
  std::uint32_t unit = 0;
  const char* const digits_end = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), digits_end, unit, 16);
  if (error != std::errc() || end != digits_end || digits.size() != kDigits) return false;
  return add_unit(unit, to);
}

// Name and value are parted by = or :, or by blanks alone.
bool take_property(std::string_view line, Properties& properties) {
  std::string name;
  while (!line.empty() && kEndsName.find(line.front()) == std::string_view::npos) {
    if (!take_character(line, name)) return false;
  }
  if (name.empty() || line.empty()) return false;
  line = without_indent(line);
  if (line.starts_with('=') || line.starts_with(':')) line = without_indent(line.substr(1));
  std::string value;
  while (!line.empty()) {
    if (!take_character(line, value)) return false;
  }
  properties[name] = std::move(value);
  return true;
}

}  // namespace

Status read_properties(std::string_view text, Properties& properties) {
  std::size_t number = 0;
  std::string line;  // with those that it goes on in
  bool goes_on = false;
  const auto take_line = [&]() -> Status {
    if (line.empty() || take_property(without_blank_end(line), properties)) return {};
    return Status(StatusCode::kInvalid,
                  "line " + std::to_string(number) + ", '" + line + "', is no property");
  };
  for (const std::string_view raw : split(text, '\n')) {
    ++number;
    const std::string_view part = without_blank_end(without_indent(raw));
    if (!goes_on && (part.starts_with('#') || part.starts_with('!'))) continue;
    line += part;
    goes_on = ends_in_backslash(part);
    if (goes_on) {
      line.pop_back();
      continue;
    }
    if (Status status = take_line(); !status.ok()) return status;
    line.clear();
  }
  return take_line();
}

Status read_properties_file(const std::string& path, Properties& properties) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const StatusCode code = errno == ENOENT ? StatusCode::kNotFound : StatusCode::kIo;
    return Status(code, "open " + path + ": " + std::strerror(errno));
  }
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  if (file.bad()) return Status(StatusCode::kIo, "read " + path + ": " + std::strerror(errno));
  const Status status = read_properties(text, properties);
  return status.ok() ? status : Status(status.code(), path + ": " + status.message());
}

}  // namespace tidelock::agent
