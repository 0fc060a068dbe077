#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tidelock/status.h"

// The quoting rules of `tidelock shell`. Pure functions.
namespace tidelock::cli {

// Words stand between blanks. 'single quotes' keep everything as it is; inside "double quotes" and
// outside of quotes the escapes \t \n \\ \xHH stand for bytes, and a backslash before a blank, a
// quote or # for that character. A # that begins a word begins a comment. kInvalid for a quote
// that does not end, or an unknown escape.
[[nodiscard]] Result<std::vector<std::string>> split_words(std::string_view line);

// One word that `split_words` reads back as `bytes`: with backslashes, so that words which begin
// alike are also written alike at their beginning.
[[nodiscard]] std::string quote_word(std::string_view bytes);

}  // namespace tidelock::cli
