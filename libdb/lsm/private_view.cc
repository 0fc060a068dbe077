#include "lsm/private_view.h"

#include <algorithm>
#include <string>
#include <utility>

#include "lsm/log_replay.h"
#include "lsm/place.h"
#include "manifest/manifest_reader.h"
#include "os/clock.h"

namespace tidelock::lsm {

namespace {

constexpr std::chrono::milliseconds kGiveUpAfter{10'000};

// The last operation that manifest, seal or records prove to be on disk.
std::uint64_t durable_sequence(const LogReplay& replay, const manifest::Version& version) {
  std::uint64_t durable_lsn = version.oldest_lsn();
  if (version.seal()) durable_lsn = std::max(durable_lsn, version.seal()->end);
  for (const ReplayedLog& log : replay.logs()) {
    for (const wal::Record& record : log.records) {
      durable_lsn = std::max(durable_lsn, record.durable_lsn);
    }
  }
  std::uint64_t sequence = version.oldest_sequence();
  for (const ReplayedLog& log : replay.logs()) {
    for (const wal::Record& record : log.records) {
      if (record.end.lsn <= durable_lsn) sequence = record.end.last_sequence;
    }
  }
  return sequence;
}

Result<std::shared_ptr<const View>> replay(const Context& context, const manifest::Version& version,
                                           std::optional<std::uint64_t> visible) {
  auto view = std::make_shared<View>();
  auto tables = TableSet::open(context.directory, context.uuid, version, nullptr);
  if (!tables) return file_gone(tables.error());
  view->tables = std::move(*tables);
  Result<LogReplay> replay = LogReplay::load(context.directory, context.uuid, version);
  if (!replay) return file_gone(replay.error());
  for (const ReplayedLog& log : replay->logs()) {
    Result<std::shared_ptr<const OpenMemtable>> memtable = OpenMemtable::replay(log);
    if (!memtable) {
      return Status(memtable.error().code(), "replay log " + std::to_string(log.number) + " of " +
                                                 context.directory + ": " +
                                                 memtable.error().message());
    }
    view->memtables.insert(view->memtables.begin(), std::move(*memtable));
  }
  const std::uint64_t end = replay->result().end.last_sequence;
  const std::uint64_t durable = std::min(end, durable_sequence(*replay, version));
  view->answered_visible.store(std::clamp(visible.value_or(end), durable, end),
                               std::memory_order_relaxed);
  view->answered_durable.store(durable, std::memory_order_relaxed);
  return std::shared_ptr<const View>(std::move(view));
}

Result<manifest::LiveManifest> read_manifest(const Context& context) {
  Result<manifest::LiveManifest> live =
      manifest::open_live_manifest(context.directory, Access::kReadOnly);
  if (!live) return live;
  if (Status status = check_identity(context, live->current.uuid); !status.ok()) return status;
  if (Status status = live->reader.read_all(); !status.ok()) return status;
  return live;
}

bool same_place(const manifest::LiveManifest& a, const manifest::LiveManifest& b) {
  return a.reader.id().number == b.reader.id().number &&
         a.reader.position().length == b.reader.position().length;
}

}  // namespace

Status check_identity(const Context& context, const manifest::Uuid& found) {
  if (found == context.uuid) return {};
  return Status(StatusCode::kCorruption, "read " + context.directory +
                                             ": the database was replaced by another one since it "
                                             "was opened");
}

Result<std::shared_ptr<const View>> replay_privately(const Context& context,
                                                     std::optional<std::uint64_t> visible) {
  const os::Deadline deadline = os::Deadline::after(kGiveUpAfter);
  Result<manifest::LiveManifest> before = read_manifest(context);
  for (bool failed = false; before.has_value();) {
    Result<std::shared_ptr<const View>> view = replay(context, before->reader.version(), visible);
    if (!view && view.error().code() != StatusCode::kCorruption) return view;
    Result<manifest::LiveManifest> after = read_manifest(context);
    if (!after) return after.error();
    if (same_place(*before, *after)) {
      if (view || failed) return view;
      failed = true;
    } else {
      failed = false;
      if (deadline.expired()) {
        return Status(StatusCode::kTimedOut,
                      "read " + context.directory + ": others change it faster than it is read");
      }
    }
    before = std::move(after);
  }
  return before.error();
}

}  // namespace tidelock::lsm
