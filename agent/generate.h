#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include "agent/workload/sizes.h"

// An example data set: five entries a user, "user:000123:mail<tab>nora.weber.123@example.org".
namespace tidelock::agent {

struct GenerateSettings {
  std::uint64_t entries = 0;
  std::size_t key_size = 0;            // bytes; 0: as short as it can be
  std::optional<Sizes> value_sizes{};  // unset: as long as what is in them
  std::uint64_t seed = 1;
  std::string output = "-";  // a file, or standard output
};

// How long the longest key is at least: the number of its user has no zeroes to spare.
[[nodiscard]] std::size_t least_key_size(std::uint64_t entries);

// Entries in the order of their keys, one a line, as `tidelock load --format tsv` takes them. Equal
// settings give equal bytes, and those of fewer entries are a beginning of those of more, as long
// as their keys are of one size. Ends early if the stream fails.
void generate(std::ostream& out, const GenerateSettings& settings);

// The result is the exit code.
[[nodiscard]] int run_generate(const GenerateSettings& settings);

}  // namespace tidelock::agent
