#include "lsm/compaction_picker.h"

#include <algorithm>
#include <string_view>

namespace tidelock::lsm {

namespace {

constexpr std::uint32_t kDeepest = manifest::kLevels - 1;

manifest::KeySpan span_of(const std::vector<manifest::FilePtr>& files) {
  manifest::KeySpan span;
  for (const manifest::FilePtr& file : files) {
    if (!span.first || file->smallest < *span.first) span.first = file->smallest;
    if (!span.last || file->largest > *span.last) span.last = file->largest;
  }
  return span;
}

CompactionPlan complete(const manifest::Version& version, std::uint32_t level,
                        std::vector<manifest::FilePtr> inputs) {
  CompactionPlan plan{.level = level, .inputs = std::move(inputs), .next_inputs = {}};
  plan.next_inputs = version.overlapping(level + 1, span_of(plan.inputs));
  return plan;
}

double urgency(const manifest::Version& version, std::uint32_t level, std::size_t level0_trigger) {
  if (level == 0) {
    return static_cast<double>(version.files(0).size()) / static_cast<double>(level0_trigger);
  }
  return static_cast<double>(version.level_bytes(level)) /
         static_cast<double>(level_target(version.created(), level));
}

// The table whose merge rewrites the least of the next level for what it frees in this one.
manifest::FilePtr cheapest(const manifest::Version& version, std::uint32_t level) {
  manifest::FilePtr best;
  double best_cost = 0;
  for (const manifest::FilePtr& file : version.files(level)) {
    std::uint64_t overlap = 0;
    for (const auto& below : version.overlapping(level + 1, {file->smallest, file->largest})) {
      overlap += below->size;
    }
    const double cost = static_cast<double>(overlap) / static_cast<double>(file->size);
    if (best == nullptr || cost < best_cost) {
      best = file;
      best_cost = cost;
    }
  }
  return best;
}

// An older table of level 0 may not stay behind above a newer version of its keys; one whose keys
// overlap an input's is an input too.
std::vector<manifest::FilePtr> with_older_overlapping(const manifest::Version& version,
                                                      std::vector<manifest::FilePtr> inputs) {
  for (;;) {
    std::vector<manifest::FilePtr> wider = version.overlapping(0, span_of(inputs));
    if (wider.size() == inputs.size()) return wider;
    inputs = std::move(wider);
  }
}

}  // namespace

std::uint64_t level_target(const manifest::CreationOptions& options, std::uint32_t level) {
  std::uint64_t target = options.memtable_size * kLevel0Trigger;
  for (std::uint32_t i = 1; i < level; ++i) target *= kLevelRatio;
  return target;
}

std::uint64_t table_size_target(const manifest::CreationOptions& options) {
  return std::clamp<std::uint64_t>(options.memtable_size / 4, 256 << 10, 64 << 20);
}

std::optional<CompactionPlan> pick_compaction(const manifest::Version& version,
                                              const std::vector<std::uint32_t>& busy,
                                              std::size_t level0_trigger) {
  if (version.created().compaction_style == CompactionStyle::kManual) return std::nullopt;
  std::optional<std::uint32_t> level;
  double most_urgent = 0;
  for (std::uint32_t candidate = 0; candidate < kDeepest; ++candidate) {
    if (std::find(busy.begin(), busy.end(), candidate) != busy.end()) continue;
    const double urgent = urgency(version, candidate, level0_trigger);
    if (urgent < 1 || urgent <= most_urgent) continue;
    level = candidate;
    most_urgent = urgent;
  }
  if (!level) return std::nullopt;
  if (*level == 0) {
    const auto files = version.files(0);
    return complete(version, 0, {files.begin(), files.end()});
  }
  return complete(version, *level, {cheapest(version, *level)});
}

std::optional<CompactionPlan> plan_range(const manifest::Version& version, std::uint32_t level,
                                         const manifest::KeySpan& range) {
  if (level >= kDeepest) return std::nullopt;
  std::vector<manifest::FilePtr> inputs = version.overlapping(level, range);
  if (inputs.empty()) return std::nullopt;
  if (level == 0) inputs = with_older_overlapping(version, std::move(inputs));
  return complete(version, level, std::move(inputs));
}

bool deeper_levels_may_hold(const manifest::Version& version, std::uint32_t output,
                            std::string_view key) {
  for (std::uint32_t level = output + 1; level < manifest::kLevels; ++level) {
    if (!version.overlapping(level, {key, key}).empty()) return true;
  }
  return false;
}

}  // namespace tidelock::lsm
