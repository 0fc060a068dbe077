#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/random.h"
#include "agent/workload/weighted.h"
#include "agent/workload/zipfian.h"
#include "tidelock/status.h"

namespace tidelock::agent {

// How large values are, or how long scans.
class Sizes {
 public:
  static Sizes fixed(std::size_t size) { return uniform(size, size); }
  static Sizes uniform(std::size_t smallest, std::size_t largest);
  // The smallest most often, with the skew of YCSB.
  static Sizes zipfian(std::size_t smallest, std::size_t largest);
  // Sizes of at least `floor` and at most `ceiling`, as "100", "uniform:24-1000",
  // "zipfian:24-1000", or "file:PATH", whose lines are a size and, if wanted, its weight. kInvalid,
  // kNotFound, kIo.
  [[nodiscard]] static Result<Sizes> parse(std::string_view text, std::size_t floor,
                                           std::size_t ceiling);

  // Sums of so many sizes, each drawn; at least `floor`.
  [[nodiscard]] static Sizes sum(const Sizes& part, std::size_t parts, std::size_t floor);

  [[nodiscard]] std::size_t next(Random& random) const noexcept;
  [[nodiscard]] std::size_t smallest() const noexcept {
    return std::max(floor_, parts_ * smallest_);
  }
  [[nodiscard]] std::size_t largest() const noexcept { return std::max(floor_, parts_ * largest_); }
  // As `parse` took it.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  Sizes(std::size_t smallest, std::size_t largest) : smallest_(smallest), largest_(largest) {}
  [[nodiscard]] static Result<Sizes> from_file(const std::string& path);

  [[nodiscard]] std::size_t next_part(Random& random) const noexcept;

  std::size_t smallest_;
  std::size_t largest_;
  std::size_t parts_ = 1, floor_ = 0;
  std::string text_;
  std::optional<Zipfian> zipfian_;
  std::vector<std::size_t> listed_;  // of a file
  std::optional<Weighted> weights_;
};

}  // namespace tidelock::agent
