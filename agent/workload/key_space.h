#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tidelock/status.h"

namespace tidelock::agent {

// How generated keys are named.
enum class KeyNames : std::uint8_t {
  kPlain,        // "key0000000000042"
  kYcsbOrdered,  // "user42"
  kYcsbHashed,   // "user" and a hash of the number
};

// The keys of a run, each known to the agent by its index. Immutable.
class KeySpace {
 public:
  // "key0000000000000", "key0000000000001", ...: 16 bytes, in order; or as YCSB names its records,
  // with at least `digits` digits.
  [[nodiscard]] static KeySpace generated(std::uint32_t count, KeyNames names = KeyNames::kPlain,
                                          std::uint32_t digits = 1);
  // The lines of a file, in its order, without empty ones and repetitions; at most `count_max`
  // (0: all). kNotFound or kIo; kTooLarge for a line that is no key; kInvalid if no key is left.
  [[nodiscard]] static Result<KeySpace> from_file(const std::string& path, std::uint32_t count_max);

  // These, each of which is there once.
  [[nodiscard]] static KeySpace from_names(std::span<const std::string> names);

  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  // The bytes may lie in `buffer`, until it is used again.
  [[nodiscard]] std::string_view at(std::uint32_t index, std::string& buffer) const;
  // All indices, sorted by their keys.
  [[nodiscard]] std::vector<std::uint32_t> in_byte_order() const;

 private:
  [[nodiscard]] std::uint64_t ycsb_number(std::uint32_t index) const noexcept;
  [[nodiscard]] std::vector<std::uint32_t> ycsb_order() const;
  [[nodiscard]] std::string_view ycsb_name(std::uint32_t index, std::string& buffer) const;

  std::uint32_t count_ = 0;
  KeyNames names_ = KeyNames::kPlain;
  std::uint32_t digits_ = 1;
  std::string bytes_;                // the lines, one after another
  std::vector<std::uint64_t> ends_;  // of each line in `bytes_`; empty for generated keys
};

}  // namespace tidelock::agent
