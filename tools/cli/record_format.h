#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tidelock/db.h"
#include "tidelock/status.h"

// The three line formats that `load` reads and `dump` writes. Pure functions.
//
//   lines       the line is the key, its number (1, 2, ...) the value; dump writes keys alone
//   tsv         KEY<tab>VALUE, both escaped: \t \n \\ \xHH
//   json-lines  {"key"|"key_base64": "...", "value"|"value_base64": "..."}
//
// A line ends with '\n', which is no part of it; the last one may lack it. Whatever `dump` writes
// as tsv or json-lines, `load` reads back to the same bytes.
namespace tidelock::cli {

enum class RecordFormat : std::uint8_t { kLines, kTsv, kJsonLines };

// By the name's end: .tsv, .jsonl or .ndjson; nullopt for any other.
[[nodiscard]] std::optional<RecordFormat> format_of(std::string_view file_name);

// The entry on one line. nullopt: a blank line of json-lines. kInvalid says what is wrong with it.
[[nodiscard]] Result<std::optional<Entry>> parse_record(RecordFormat format, std::string_view line,
                                                        std::uint64_t line_number);

// Appends one line, '\n' included. kInvalid for a key that `lines` cannot hold.
[[nodiscard]] Status append_record(RecordFormat format, std::string_view key,
                                   std::string_view value, std::string& out);

}  // namespace tidelock::cli
