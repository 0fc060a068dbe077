#include "agent/open_store.h"

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kEntryOverhead = 100;  // bytes, its key included

}  // namespace

StoreOptions store_options(const Settings& settings) {
  const Workload& workload = settings.workload;
  const std::uint64_t keys =
      std::uint64_t{workload.key_count != 0 ? workload.key_count : kKeyCountDefault} +
      settings.insert_room;
  return {.directory = settings.directory,
          .durability = settings.durability,
          .handover = settings.handover,
          .wait = settings.wait,
          .deadline = settings.deadline,
          .memtable_size = settings.memtable_size,
          .data_size = keys * (workload.values.sizes.largest() + kEntryOverhead)};
}

}  // namespace tidelock::agent
