#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace tidelock::cli {

using Row = std::vector<std::string>;

// Columns two blanks apart: the first `left` to the left, then `numbers` to the right, and what
// stands behind the last number as it comes.
[[nodiscard]] std::string align(const std::vector<Row>& rows, std::size_t left,
                                std::size_t numbers);

}  // namespace tidelock::cli
