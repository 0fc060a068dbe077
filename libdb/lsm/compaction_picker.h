#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "manifest/version.h"

// What to compact, decided from a version alone. No state, no clock, no files.
namespace tidelock::lsm {

inline constexpr std::size_t kLevel0Trigger = 4;  // tables of level 0 that start a compaction
inline constexpr std::size_t kLevel0Idle = 2;     // that do so while nobody writes
inline constexpr std::size_t kLevel0Slow = 12;    // that slow writers down
inline constexpr std::size_t kLevel0Stop = 20;    // that hold them
inline constexpr std::uint64_t kLevelRatio = 10;

// Tables of `level` to merge with those of the next one that they overlap.
struct CompactionPlan {
  std::uint32_t level = 0;
  std::vector<manifest::FilePtr> inputs;       // of `level`; newest first on level 0
  std::vector<manifest::FilePtr> next_inputs;  // of level + 1, in key order
  // The one input may be moved as it is: nothing of the next level overlaps it. Tombstones are
  // merged all the same, so that they end where there is nothing left for them to hide.
  [[nodiscard]] bool is_move() const {
    return inputs.size() == 1 && next_inputs.empty() && inputs.front()->tombstones == 0;
  }
};

// Bytes a level may have before it is due; level >= 1.
[[nodiscard]] std::uint64_t level_target(const manifest::CreationOptions& options,
                                         std::uint32_t level);
// Size at which a compaction ends a table.
[[nodiscard]] std::uint64_t table_size_target(const manifest::CreationOptions& options);

// The most urgent compaction that is due among levels that `busy` does not name; nothing for the
// manual style. Level 0 is due from `level0_trigger` tables on.
[[nodiscard]] std::optional<CompactionPlan> pick_compaction(
    const manifest::Version& version, const std::vector<std::uint32_t>& busy,
    std::size_t level0_trigger = kLevel0Trigger);

// All tables of a level that overlap the range, widened so that what is left behind is sound.
[[nodiscard]] std::optional<CompactionPlan> plan_range(const manifest::Version& version,
                                                       std::uint32_t level,
                                                       const manifest::KeySpan& range);

// Whether a tombstone for `key`, written to level `output`, has anything left to hide.
[[nodiscard]] bool deeper_levels_may_hold(const manifest::Version& version, std::uint32_t output,
                                          std::string_view key);

}  // namespace tidelock::lsm
