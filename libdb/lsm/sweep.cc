#include "lsm/sweep.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lsm/place.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

// None if any is taken.
Result<std::vector<JobByte>> try_all_jobs(Context& context) {
  std::vector<std::uint64_t> bytes{kFlushByte, kPrepareByte};
  for (std::uint32_t level = 0; level < manifest::kLevels; ++level) {
    bytes.push_back(kCompactionByte + level);
  }
  std::vector<JobByte> jobs;
  for (const std::uint64_t byte : bytes) {
    Result<std::optional<JobByte>> taken = JobByte::try_take(context, byte);
    if (!taken) return taken.error();
    if (!*taken) return std::vector<JobByte>();
    jobs.push_back(std::move(**taken));
  }
  return jobs;
}

// Numbers of files that are in use.
struct Named {
  std::set<std::uint64_t> tables;
  std::set<std::uint64_t> logs;
  std::set<std::uint64_t> arenas;
  std::uint64_t oldest_log = 0;
  std::uint64_t active_log = 0;

  [[nodiscard]] bool contains(const state::FileName& file) const {
    switch (file.kind) {
      case state::FileKind::kTable:
        return tables.contains(file.number);
      // Replay walks every log from the oldest to the active one, whatever the view names.
      case state::FileKind::kLog:
        return (file.number >= oldest_log && file.number <= active_log) ||
               logs.contains(file.number);
      case state::FileKind::kArena:
        return arenas.contains(file.number);
      case state::FileKind::kManifest:
        return true;  // see Catalog::sweep
      case state::FileKind::kTemporary:
        return false;
    }
    return true;
  }
};

Named names_in_use(const state::Layout& shared, const manifest::Version& version) {
  Named named;
  const auto live = version.live_numbers();
  named.tables.insert(live.begin(), live.end());
  const state::MemtableHalf half = shared.memtables.load().value;
  for (std::uint64_t i = 0; i < half.size(); ++i) {
    if (half.entries[i].log_number < version.oldest_log()) continue;
    named.logs.insert(half.entries[i].log_number);
    named.arenas.insert(half.entries[i].arena_number);
  }
  named.oldest_log = version.oldest_log();
  named.active_log = half.active().log_number;
  const std::uint64_t spare = shared.spare.number.load(std::memory_order_acquire);
  if (spare != 0) {
    named.logs.insert(spare);
    named.arenas.insert(spare);
  }
  return named;
}

// Files that are in the directory and in nobody's use, at one moment under the writer lock.
Result<std::vector<std::string>> left_overs(const Context& context,
                                            const manifest::Version& version,
                                            const os::Deadline& deadline) {
  auto guard = context.queue->acquire(Wait::Policy::kQueue, {}, deadline);
  if (!guard) return guard.error();
  const Named named = names_in_use(**context.state, version);
  Result<std::vector<std::string>> names = os::list_directory(context.directory);
  if (!names) return names.error();
  if (Status status = check_place(context); !status.ok()) return status;
  std::erase_if(*names, [&named](const std::string& name) {
    const auto file = state::parse_file_name(name);
    return !file || named.contains(*file);
  });
  return names;
}

}  // namespace

Result<JobResult> sweep(Context& context, Catalog& catalog, const os::Deadline& deadline) {
  const Result<std::vector<JobByte>> jobs = try_all_jobs(context);
  if (!jobs) return jobs.error();
  if (jobs->empty()) return JobResult::kTaken;
  Result<manifest::Version> version = catalog.sweep(deadline);
  if (!version) return version.error();
  const Result<std::vector<std::string>> doomed = left_overs(context, *version, deadline);
  if (!doomed) return doomed.error();
  // Nobody takes such a file into use any more: it would need one of the jobs' bytes.
  std::uint64_t removed = 0;
  for (const std::string& name : *doomed) {
    TIDELOCK_CRASH_POINT("sweep.removing");
    if (Status status = check_place(context); !status.ok()) return status;
    if (os::unlink_file(context.directory + "/" + name).ok()) ++removed;
  }
  if (removed != 0) {
    context.events->note("removed " + std::to_string(removed) + " left-over file(s)");
  }
  return JobResult::kDone;
}

}  // namespace tidelock::lsm
