#include "lsm/compaction.h"

#include <algorithm>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lsm/compaction_picker.h"
#include "lsm/merging_iterator.h"
#include "lsm/place.h"
#include "lsm/table_set.h"
#include "lsm/table_writer.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

// The bytes of both levels of a compaction.
struct LevelBytes {
  JobByte from;
  JobByte to;
};

Result<std::optional<LevelBytes>> try_levels(Context& context, std::uint32_t level) {
  Result<std::optional<JobByte>> from = JobByte::try_take(context, kCompactionByte + level);
  if (!from) return from.error();
  if (!*from) return std::optional<LevelBytes>();
  Result<std::optional<JobByte>> to = JobByte::try_take(context, kCompactionByte + level + 1);
  if (!to) return to.error();
  if (!*to) return std::optional<LevelBytes>();
  return std::optional<LevelBytes>(LevelBytes{std::move(**from), std::move(**to)});
}

Result<std::vector<std::unique_ptr<Source>>> open_sources(const Context& context,
                                                          const CompactionPlan& plan) {
  std::vector<std::unique_ptr<Source>> sources;
  const auto open_all =
      [&context](const std::vector<manifest::FilePtr>& files) -> Result<std::vector<TablePtr>> {
    std::vector<TablePtr> tables;
    for (const manifest::FilePtr& file : files) {
      Result<TablePtr> table = open_table(context.directory, context.uuid, *file);
      if (!table) return table.error();
      tables.push_back(std::move(*table));
    }
    return tables;
  };
  Result<std::vector<TablePtr>> inputs = open_all(plan.inputs);
  if (!inputs) return inputs.error();
  if (plan.level == 0) {
    for (TablePtr& table : *inputs) sources.push_back(table_source(std::move(table)));
  } else {
    sources.push_back(level_source(std::move(*inputs)));
  }
  Result<std::vector<TablePtr>> below = open_all(plan.next_inputs);
  if (!below) return below.error();
  if (!below->empty()) sources.push_back(level_source(std::move(*below)));
  return sources;
}

Status merge(const Context& context, const CompactionPlan& plan, const manifest::Version& version,
             TableWriter& writer) {
  auto sources = open_sources(context, plan);
  if (!sources) return sources.error();
  MergingIterator entries(std::move(*sources));
  for (entries.seek_first(); entries.valid(); entries.next()) {
    if (entries.tombstone()) {
      if (!deeper_levels_may_hold(version, plan.level + 1, entries.key())) continue;
      if (Status s = writer.add(entries.key(), table::Kind::kErase, {}); !s.ok()) return s;
    } else {
      if (Status s = writer.add(entries.key(), table::Kind::kPut, entries.value()); !s.ok()) {
        return s;
      }
    }
  }
  return entries.status();
}

manifest::VersionEdit edit_for(const CompactionPlan& plan,
                               const std::vector<manifest::FilePtr>& outputs) {
  manifest::VersionEdit edit;
  for (const auto& file : plan.inputs) edit.removed.push_back({plan.level, file->number});
  for (const auto& file : plan.next_inputs) edit.removed.push_back({plan.level + 1, file->number});
  for (const auto& file : outputs) edit.added.push_back({plan.level + 1, file});
  return edit;
}

void remove_inputs(const Context& context, const CompactionPlan& plan) {
  if (!check_place(context).ok()) return;
  for (const auto* files : {&plan.inputs, &plan.next_inputs}) {
    for (const manifest::FilePtr& file : *files) {
      (void)os::unlink_file(
          state::file_path(context.directory, state::FileKind::kTable, file->number));
    }
  }
}

std::uint64_t highest_sequence(const CompactionPlan& plan) {
  std::uint64_t highest = 0;
  for (const auto* files : {&plan.inputs, &plan.next_inputs}) {
    for (const manifest::FilePtr& file : *files) {
      highest = std::max(highest, file->highest_sequence);
    }
  }
  return highest;
}

std::uint64_t bytes_of(const std::vector<manifest::FilePtr>& files) {
  std::uint64_t bytes = 0;
  for (const manifest::FilePtr& file : files) bytes += file->size;
  return bytes;
}

// Precondition: both level bytes held, `plan` made from `version`.
Status run(Context& context, Catalog& catalog, const CompactionPlan& plan,
           const manifest::Version& version, const Patience& patience) {
  TIDELOCK_CRASH_POINT("compaction.begun");
  const auto install = [&](const std::vector<manifest::FilePtr>& outputs) {
    return catalog
        .install(
            [&](const manifest::Version&) -> Result<manifest::VersionEdit> {
              return edit_for(plan, outputs);
            },
            patience.to_install())
        .status();
  };
  state::Layout& shared = **context.state;
  if (plan.is_move()) {
    const auto moved = std::make_shared<manifest::FileMeta>(*plan.inputs.front());
    moved->memtable_number = 0;
    if (Status status = install({moved}); !status.ok()) return status;
  } else {
    TableWriter writer(context, {.size_max = table_size_target(context.created),
                                 .highest_sequence = highest_sequence(plan)});
    if (Status status = merge(context, plan, version, writer); !status.ok()) return status;
    Result<std::vector<manifest::FilePtr>> outputs = writer.finish();
    if (!outputs) return outputs.error();
    TIDELOCK_CRASH_POINT("compaction.written");
    Status status = writer.hand_over([&] { return install(*outputs); });
    if (!status.ok()) return status;
    TIDELOCK_CRASH_POINT("compaction.installed");
    remove_inputs(context, plan);
    shared.counters.compactions.fetch_add(1, std::memory_order_relaxed);
    shared.counters.compaction_bytes_written.fetch_add(bytes_of(*outputs),
                                                       std::memory_order_relaxed);
  }
  TIDELOCK_CRASH_POINT("compaction.removed");
  context.events->note("compacted " + std::to_string(plan.inputs.size()) + " + " +
                       std::to_string(plan.next_inputs.size()) + " tables of levels " +
                       std::to_string(plan.level) + " and " + std::to_string(plan.level + 1));
  return {};
}

}  // namespace

Result<JobResult> compact_most_urgent(Context& context, Catalog& catalog,
                                      std::size_t level0_trigger, const Patience& patience) {
  std::vector<std::uint32_t> busy;
  for (;;) {
    const auto tables = (*context.state)->tables.load();
    Result<manifest::Version> glance = catalog.version_of(tables.value);
    if (!glance && (*context.state)->tables.word() != tables.word) continue;  // it was outdated
    if (!glance) return glance.error();
    const std::optional<CompactionPlan> due = pick_compaction(*glance, busy, level0_trigger);
    if (!due) return busy.empty() ? JobResult::kNothing : JobResult::kTaken;
    Result<std::optional<LevelBytes>> bytes = try_levels(context, due->level);
    if (!bytes) return bytes.error();
    if (!*bytes) {
      busy.push_back(due->level);
      continue;
    }
    // V3: what is picked under the bytes is picked from the manifest itself.
    Result<manifest::Version> version = catalog.catch_up(patience.to_begin());
    if (!version) return version.error();
    std::optional<CompactionPlan> plan = pick_compaction(*version, busy, level0_trigger);
    if (!plan || plan->level != due->level) return JobResult::kDone;
    if (Status status = run(context, catalog, *plan, *version, patience); !status.ok()) {
      return status;
    }
    return JobResult::kDone;
  }
}

Result<JobResult> compact_range(Context& context, Catalog& catalog, std::uint32_t level,
                                const KeyRange& range, const Patience& patience) {
  Result<std::optional<LevelBytes>> bytes = try_levels(context, level);
  if (!bytes) return bytes.error();
  if (!*bytes) return JobResult::kTaken;
  Result<manifest::Version> version = catalog.catch_up(patience.to_begin());
  if (!version) return version.error();
  const std::optional<CompactionPlan> plan =
      plan_range(*version, level, {range.lower, range.upper});
  if (!plan) return JobResult::kNothing;
  if (Status status = run(context, catalog, *plan, *version, patience); !status.ok()) {
    return status;
  }
  return JobResult::kDone;
}

}  // namespace tidelock::lsm
