#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tidelock::cli {

// What may stand where the cursor is.
struct Completion {
  std::size_t word_begin = 0;           // the last word begins here in the line
  std::vector<std::string> candidates;  // whole words, with backslashes where needed
};

// Some keys that begin with a prefix, in order.
using KeySource = std::function<std::vector<std::string>(std::string_view prefix)>;

// Completes the last word of `line`: a command, an option of the command, or a key.
[[nodiscard]] Completion complete(std::string_view line, const KeySource& keys);

// The longest beginning that all candidates share.
[[nodiscard]] std::string common_beginning(const std::vector<std::string>& candidates);

}  // namespace tidelock::cli
