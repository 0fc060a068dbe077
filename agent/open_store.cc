#include "agent/open_store.h"

#include <algorithm>

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kEntryOverhead = 100;  // bytes, its key included

}  // namespace

StoreOptions store_options(const Run& run) {
  const Settings& settings = run.settings;
  const ActionMix& mix = settings.workload.mix;
  const double views =
      mix.share(Action::kView) + mix.share(Action::kScan) + mix.share(Action::kScanBack);
  std::uint64_t largest = settings.workload.values.sizes.largest();
  if (run.trace != nullptr) largest = std::max<std::uint64_t>(largest, run.trace->largest_amount);
  return {.directory = settings.directory,
          .durability = settings.durability,
          .handover = settings.handover,
          .wait = settings.wait,
          .deadline = settings.deadline,
          .memtable_size = settings.memtable_size,
          .data_size = std::uint64_t{run.keys.count()} * (largest + kEntryOverhead),
          .views = views > 0 || run.trace != nullptr};
}

}  // namespace tidelock::agent
