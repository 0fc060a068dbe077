#include "db/stats.h"

#include <cstdio>

#include "os/directory.h"

namespace tidelock {

namespace {

std::string to_text(const manifest::Uuid& uuid) {
  std::string text;
  for (const std::uint64_t half : uuid) {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(half));
    text += digits;
  }
  return text;
}

std::uint64_t disk_bytes(const std::string& directory) {
  std::uint64_t total = 0;
  Result<std::vector<std::string>> names = os::list_directory(directory);
  if (!names) return 0;
  for (const std::string& name : *names) {
    total += os::disk_usage(directory + "/" + name);
  }
  return total;
}

void add_tables(const manifest::Version& version, Stats& stats) {
  for (std::uint32_t level = 0; level < manifest::kLevels; ++level) {
    const auto files = version.files(level);
    if (files.empty()) continue;
    stats.levels.push_back(
        {.level = level, .tables = files.size(), .bytes = version.level_bytes(level)});
    for (const manifest::FilePtr& file : files) {
      stats.tables.push_back({.number = file->number,
                              .level = level,
                              .file_bytes = file->size,
                              .entries = file->entries,
                              .tombstones = file->tombstones,
                              .data_blocks = file->data_blocks,
                              .smallest = file->smallest,
                              .largest = file->largest});
    }
  }
}

void add_shared(const state::Layout& shared, Stats& stats) {
  const auto relaxed = [](const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  stats.durable_sequence = relaxed(shared.durable_sequence);
  stats.log_end = shared.end.number();
  stats.log_durable = relaxed(shared.durable_lsn);
  stats.view_number = shared.tables.number();
  stats.flushes = relaxed(shared.counters.flushes);
  stats.compactions = relaxed(shared.counters.compactions);
  stats.compaction_bytes_written = relaxed(shared.counters.compaction_bytes_written);
  stats.redos = relaxed(shared.counters.redos);
  stats.rolls = relaxed(shared.counters.rolls);
  stats.syncs = relaxed(shared.counters.syncs);
  stats.synced_commits = relaxed(shared.counters.synced_commits);
  stats.write_stalls = relaxed(shared.counters.write_stalls);
}

FixedOptions to_fixed(const manifest::CreationOptions& created) {
  return {.memtable_size = created.memtable_size,
          .block_size = created.block_size,
          .compression = created.compression,
          .bloom_bits_per_key = created.bloom_bits_per_key,
          .compaction_style = created.compaction_style};
}

}  // namespace

Result<Stats> collect_stats(lsm::Engine& engine) {
  Result<lsm::ReadPoint> now = engine.read_point(lsm::Horizon::kVisible);
  if (!now) return now.error();
  Stats stats;
  stats.sequence = now->sequence;
  stats.durable_sequence = now->view->answered_durable.load(std::memory_order_relaxed);  // private
  if (const state::SharedState* shared = engine.shared()) add_shared(**shared, stats);
  if (!now->view->memtables.empty()) {
    const memtable::Memtable& active = now->view->memtables.front()->table();
    stats.memtable_bytes = active.used_bytes();
    stats.memtable_size = active.capacity();
    stats.sealed_memtables = static_cast<std::uint32_t>(now->view->memtables.size() - 1);
  }
  stats.disk_bytes = disk_bytes(engine.context().directory);
  stats.uuid = to_text(engine.context().uuid);
  stats.fixed = to_fixed(engine.context().created);
  add_tables(now->view->tables->version(), stats);
  return stats;
}

}  // namespace tidelock
