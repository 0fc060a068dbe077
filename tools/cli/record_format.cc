#include "cli/record_format.h"

#include <set>

#include "cli/encoding.h"
#include "cli/json_bytes.h"

namespace tidelock::cli {
namespace {

Status invalid(std::string message) {
  return Status(StatusCode::kInvalid, std::move(message));
}

Result<std::optional<Entry>> parse_tsv(std::string_view line) {
  const std::size_t tab = line.find('\t');
  if (tab == std::string_view::npos) return invalid("no tab between key and value");
  if (line.find('\t', tab + 1) != std::string_view::npos) {
    return invalid("more than one tab (write \\t for one inside a key or value)");
  }
  auto key = unescape(line.substr(0, tab));
  if (!key) return invalid("key: " + key.error().message());
  auto value = unescape(line.substr(tab + 1));
  if (!value) return invalid("value: " + value.error().message());
  return std::optional(Entry{*std::move(key), *std::move(value)});
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

// The bytes of the member `name`, or of `name_base64`: exactly one of the two.
Result<std::string> take_bytes(Json& object, const std::string& name) {
  const auto text = object.find(name);
  const auto base64 = object.find(name + "_base64");
  if ((text == object.end()) == (base64 == object.end())) {
    return invalid("needs either \"" + name + "\" or \"" + name + "_base64\"");
  }
  const auto member = text != object.end() ? text : base64;
  if (!member->is_string()) return invalid("\"" + member.key() + "\" is no string");
  const bool is_text = text != object.end();
  std::string bytes = std::move(member->get_ref<std::string&>());
  object.erase(member);
  if (is_text) return bytes;
  auto decoded = from_base64(bytes);
  if (!decoded) return invalid("\"" + name + "_base64\": " + decoded.error().message());
  return decoded;
}

// What the parser says, without its name and the line, which is one; cut short.
std::string complaint(const Json::exception& error) {
  constexpr std::size_t kShown = 120;
  std::string text = error.what();
  if (const std::size_t column = text.find("column "); column != std::string::npos) {
    text.erase(0, column);
  } else if (const std::size_t name = text.find("] "); name != std::string::npos) {
    text.erase(0, name + 2);
  }
  return text.size() <= kShown ? text : text.substr(0, kShown) + "...";
}

// The parser keeps one of two members of the same name: they are told apart here.
Result<Json> parse_object(std::string_view line) {
  std::set<std::string> names;
  std::optional<std::string> repeated;
  const auto look = [&](int depth, Json::parse_event_t event, const Json& parsed) {
    if (depth == 1 && event == Json::parse_event_t::key) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!names.insert(name).second) repeated = name;
    }
    return true;
  };
  try {
    Json object = Json::parse(line, look);
    if (!object.is_object()) return invalid("no JSON object");
    if (repeated) return invalid("more than one member \"" + *repeated + "\"");
    return object;
  } catch (const Json::exception& error) {  // a number beyond all range is no parse_error
    return invalid("no JSON: " + complaint(error));
  }
}

Result<std::optional<Entry>> parse_json(std::string_view line) {
  if (is_blank(line)) return std::optional<Entry>();
  auto parsed = parse_object(line);
  if (!parsed) return parsed.error();
  Json& object = *parsed;
  auto key = take_bytes(object, "key");
  if (!key) return key.error();
  auto value = take_bytes(object, "value");
  if (!value) return value.error();
  if (!object.empty()) return invalid("unknown member \"" + object.begin().key() + "\"");
  return std::optional(Entry{*std::move(key), *std::move(value)});
}

}  // namespace

std::optional<RecordFormat> format_of(std::string_view file_name) {
  if (file_name.ends_with(".tsv")) return RecordFormat::kTsv;
  if (file_name.ends_with(".jsonl") || file_name.ends_with(".ndjson")) {
    return RecordFormat::kJsonLines;
  }
  return std::nullopt;
}

Result<std::optional<Entry>> parse_record(RecordFormat format, std::string_view line,
                                          std::uint64_t line_number) {
  switch (format) {
    case RecordFormat::kLines:
      break;
    case RecordFormat::kTsv:
      return parse_tsv(line);
    case RecordFormat::kJsonLines:
      return parse_json(line);
  }
  return std::optional(Entry{std::string(line), std::to_string(line_number)});
}

Status append_record(RecordFormat format, std::string_view key, std::string_view value,
                     std::string& out) {
  switch (format) {
    case RecordFormat::kLines:
      if (key.find('\n') != std::string_view::npos) {
        return invalid("the key " + escape(key) + " is more than one line: use tsv or json-lines");
      }
      out.append(key).append("\n");
      break;
    case RecordFormat::kTsv:
      out.append(escape(key)).append("\t").append(escape(value)).append("\n");
      break;
    case RecordFormat::kJsonLines: {
      Json object = Json::object();
      set_bytes(object, "key", key);
      set_bytes(object, "value", value);
      out.append(object.dump()).append("\n");
      break;
    }
  }
  return Status();
}

}  // namespace tidelock::cli
