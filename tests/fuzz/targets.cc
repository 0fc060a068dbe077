#include "fuzz/targets.h"

#include <algorithm>
#include <array>

#include "support/largest_allocation.h"

namespace tidelock::fuzz {

namespace {

// What is asked for whatever the input is: messages, names, caches.
constexpr std::size_t kAllocationMin = std::size_t{64} << 10;
// The memory of a database is judged where its files are known.
constexpr std::size_t kNoLimit = 0;
// A block may unpack to that (table::kExpansionMax), where its checksum was made to fit.
constexpr std::size_t kUnpacked = 256;

constexpr std::array kTargets = {
    Target{"arena", arena_target, 4, 3'000},
    Target{"block", block_target, 4, 4'000},
    Target{"current", current_target, 4, 4'000},
    Target{"database", database_target, kNoLimit, 160},
    Target{"encoding", encoding_target, 8, 4'000},
    Target{"filter", filter_target, kUnpacked, 2'000},
    Target{"footer", footer_target, 4, 4'000},
    Target{"index", index_target, 4, 4'000},
    Target{"manifest", manifest_target, 4, 4'000},
    Target{"packed", packed_target, kUnpacked, 2'000},
    Target{"queue", queue_target, kNoLimit, 600},
    Target{"record", record_target, 64, 4'000},
    Target{"state", state_target, kNoLimit, 250},
    Target{"table", table_target, kUnpacked, 4'000},
    Target{"units", units_target, 8, 4'000},
    Target{"wal", wal_target, 8, 6'000},
    Target{"words", words_target, 64, 4'000},
};

}  // namespace

std::span<const Target> targets() {
  return kTargets;
}

const Target* find_target(std::string_view name) {
  const auto found = std::ranges::find(kTargets, name, &Target::name);
  return found == kTargets.end() ? nullptr : &*found;
}

void run(const Target& target, Bytes bytes) {
  (void)test::take_largest_allocation();
  target.run(bytes);
  const std::size_t largest = test::take_largest_allocation();
  require(target.expansion == kNoLimit ||
          largest <= std::max(kAllocationMin, target.expansion * bytes.size()));
}

}  // namespace tidelock::fuzz
