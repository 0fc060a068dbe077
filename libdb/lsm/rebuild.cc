#include "lsm/rebuild.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lock/layout.h"
#include "lsm/catalog.h"
#include "lsm/destroy.h"
#include "lsm/flush.h"
#include "lsm/ground.h"
#include "lsm/log_replay.h"
#include "lsm/log_set.h"
#include "lsm/new_memtable.h"
#include "lsm/open_memtable.h"
#include "lsm/place.h"
#include "lsm/queue_file.h"
#include "lsm/table_writer.h"
#include "manifest/manifest_reader.h"
#include "manifest/manifest_writer.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "os/process.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

// Replayed logs beyond which the oldest are written to tables at once.
constexpr std::size_t kReplayedMemtablesMax = 3;

Result<std::uint64_t> highest_file_number(const std::string& directory) {
  Result<std::vector<std::string>> names = os::list_directory(directory);
  if (!names) return names.error();
  std::uint64_t highest = 0;
  for (const std::string& name : *names) {
    if (const auto file = state::parse_file_name(name)) highest = std::max(highest, file->number);
  }
  return highest;
}

// One pass over a rebuild.
class Rebuild {
 public:
  explicit Rebuild(Context& context) : context_(context), shared_(**context.state) {}

  Status run() {
    context_.state->begin_rebuild();
    TIDELOCK_CRASH_POINT("rebuild.begun");
    if (Status status = read_manifest(); !status.ok()) return status;
    Result<LogReplay> replay = LogReplay::load(context_.directory, context_.uuid, version_);
    if (!replay) return replay.error();
    if (Status status = replay_logs(*replay); !status.ok()) return status;
    if (Status status = begin_new_log(replay->result()); !status.ok()) return status;
    publish_positions(replay->result().end);
    const std::uint64_t nonce = os::random_u64();
    Result<os::Mapping> queue = map_queue(context_, QueueFile::kMake);
    if (!queue) return queue.error();
    lock::format(queue->bytes(), nonce);
    TIDELOCK_CRASH_POINT("rebuild.filled");
    if (Status status = context_.state->finish_rebuild(context_.uuid, nonce); !status.ok()) {
      return status;
    }
    TIDELOCK_CRASH_POINT("rebuild.done");
    context_.events->note("rebuilt the shared state: " + std::to_string(replay->result().records) +
                          " records of " + std::to_string(replay->logs().size()) + " log(s)");
    return {};
  }

 private:
  Status read_manifest() {
    Result<std::uint64_t> highest = highest_file_number(context_.directory);
    if (!highest) return highest.error();
    shared_.next_file_number.store(*highest + 1, std::memory_order_relaxed);
    Catalog catalog(context_);
    Result<manifest::Version> version = catalog.catch_up(os::Deadline::never());
    if (!version) return version.error();
    version_ = std::move(*version);
    state::raise_to(shared_.next_file_number, version_.next_file_number());
    return {};
  }

  Status replay_logs(const LogReplay& replay) {
    const std::vector<ReplayedLog>& logs = replay.logs();
    if (logs.empty()) return {};
    // Before a table is made of one: see flush_oldest.
    if (Status status = os::sync_directory(context_.directory); !status.ok()) return status;
    for (std::size_t i = 0; i < logs.size(); ++i) {
      // D begins at the recovered point, so that point must be on disk.
      if (Status status = sync_log(logs[i]); !status.ok()) return status;
      Result<NewArena> arena = fill_arena(logs[i]);
      if (!arena) return arena.error();
      TIDELOCK_CRASH_POINT("rebuild.arena_filled");
      if (logs.size() - i > kReplayedMemtablesMax) {
        if (Status status = to_table(logs[i], logs[i + 1], *arena); !status.ok()) return status;
        continue;
      }
      Result<os::FileIdentity> identity = os::path_identity(
          state::file_path(context_.directory, state::FileKind::kLog, logs[i].number));
      if (!identity) return identity.error();
      add_entry(logs[i].header, *arena, identity->inode,
                wal::kHeaderSize + (logs[i].end().lsn - logs[i].header.base_lsn));
    }
    return {};
  }

  // This descriptor is new, so it is not told of write-backs that failed before: what was replayed
  // is written over itself first (rule C3).
  Status sync_log(const ReplayedLog& log) const {
    Result<os::File> file =
        os::File::open(state::file_path(context_.directory, state::FileKind::kLog, log.number),
                       os::FileAccess::kReadWrite);
    if (!file) return file.error();
    if (Status place = check_place(context_); !place.ok()) return place;
    if (Status status = file->write(0, log.bytes); !status.ok()) return status;
    static constexpr std::array<std::byte, wal::kHeaderSize> kZeroes{};
    if (log.bytes.size() < kZeroes.size()) {  // no log is shorter
      Status status = file->write(log.bytes.size(), std::span(kZeroes).subspan(log.bytes.size()));
      if (!status.ok()) return status;
    }
    return file->datasync();
  }

  Result<NewArena> fill_arena(const ReplayedLog& log) {
    for (std::uint64_t size = likely_arena_bytes(log.demand);; size *= 2) {
      const std::uint64_t number = shared_.next_file_number.fetch_add(1, std::memory_order_relaxed);
      Result<NewArena> arena = make_arena(context_, number, size);
      if (!arena) return arena;
      const Status status = apply_records(arena->writer, log.records);
      if (status.ok()) return arena;
      if (Status place = check_place(context_); !place.ok()) return place;
      (void)os::unlink_file(state::file_path(context_.directory, state::FileKind::kArena, number));
      if (status.code() != StatusCode::kLimit) return status;
    }
  }

  Status to_table(const ReplayedLog& log, const ReplayedLog& next, const NewArena& arena) {
    const std::uint64_t last = log.end().last_sequence;
    TableWriter writer(context_, {.highest_sequence = last, .memtable_number = log.number});
    if (Status s = write_memtable(arena.writer.reader(), writer); !s.ok()) return s;
    Result<std::vector<manifest::FilePtr>> tables = writer.finish();
    if (!tables) return tables.error();
    manifest::VersionEdit edit;
    for (const manifest::FilePtr& table : *tables) edit.added.push_back({0, table});
    edit.oldest_log = next.number;
    edit.oldest_lsn = next.header.base_lsn;
    edit.oldest_sequence = next.header.base_sequence;
    edit.last_sequence = last;
    return writer.hand_over([&] {
      Catalog catalog(context_);
      Result<manifest::Version> installed = catalog.install(
          [&edit](const manifest::Version&) -> Result<manifest::VersionEdit> { return edit; },
          os::Deadline::never());
      if (installed) version_ = std::move(*installed);
      return installed.status();
    });
  }

  void add_entry(const wal::LogHeader& header, const NewArena& arena, std::uint64_t log_inode,
                 std::uint64_t log_size) {
    const std::uint64_t number = arena.writer.reader().number();
    half_.entries[half_.count++] = {.log_number = header.number,
                                    .arena_number = number,
                                    .base_lsn = header.base_lsn,
                                    .first_sequence = header.base_sequence + 1,
                                    .log_salt = header.salt,
                                    .log_inode = log_inode,
                                    .log_size = log_size,
                                    .arena_nonce = arena.nonce,
                                    .arena_inode = arena.inode,
                                    .arena_size = arena.mapping.bytes().size()};
  }

  // O4: a retried write could otherwise revive what the cut has rolled back.
  Status begin_new_log(const wal::Replayed& replayed) {
    const MemtableSizes sizes = ordinary_sizes(context_.created);
    const std::uint64_t number = shared_.next_file_number.fetch_add(1, std::memory_order_relaxed);
    Result<NewArena> arena = make_arena(context_, number, sizes.arena);
    if (!arena) return arena.error();
    Result<os::File> file = make_log(context_, number, sizes.log);
    if (!file) return file.error();
    Result<os::FileIdentity> identity = file->identity();
    if (!identity) return identity.error();
    const wal::LogHeader header{.number = number,
                                .base_lsn = replayed.end.lsn,
                                .base_sequence = replayed.end.last_sequence,
                                .salt = os::random_u64(),
                                .predecessor = replayed.logs.empty() ? 0 : replayed.logs.back(),
                                .predecessor_chain = replayed.end.chain,
                                .uuid = context_.uuid};
    Result<wal::LogFile> log = wal::LogFile::begin(std::move(*file), std::nullopt, header);
    if (!log) return log.error();
    TIDELOCK_CRASH_POINT("rebuild.log_begun");
    add_entry(header, *arena, identity->inode, sizes.log);
    if (!replayed.logs.empty() || version_.oldest_log() == number) return {};
    // There was no log to go on from: from now on this one is the oldest.
    manifest::VersionEdit edit;
    edit.oldest_log = number;
    edit.oldest_lsn = header.base_lsn;
    edit.oldest_sequence = header.base_sequence;
    if (Status status = log->file().datasync(); !status.ok()) return status;
    if (Status status = os::sync_directory(context_.directory); !status.ok()) return status;
    Catalog catalog(context_);
    return catalog
        .install(
            [&edit](const manifest::Version&) -> Result<manifest::VersionEdit> { return edit; },
            os::Deadline::never())
        .status();
  }

  void publish_positions(const wal::Position& end) {
    const state::Position position{end.lsn, end.last_sequence, end.chain};
    shared_.end.publish(end.lsn, position);
    shared_.applied.publish(end.lsn, position);
    shared_.visible.store(end.last_sequence, std::memory_order_relaxed);
    state::raise_to(shared_.durable_sequence, end.last_sequence);
    state::raise_to(shared_.durable_lsn, end.lsn);
    shared_.memtables.publish(1, half_);
  }

  Context& context_;
  state::Layout& shared_;
  manifest::Version version_;
  state::MemtableHalf half_{};
};

manifest::CreationOptions creation_options(const FixedOptions& fixed) {
  manifest::CreationOptions created;
  if (fixed.memtable_size) created.memtable_size = *fixed.memtable_size;
  if (fixed.block_size) created.block_size = static_cast<std::uint32_t>(*fixed.block_size);
  if (fixed.compression) created.compression = *fixed.compression;
  if (fixed.bloom_bits_per_key) created.bloom_bits_per_key = *fixed.bloom_bits_per_key;
  if (fixed.compaction_style) created.compaction_style = *fixed.compaction_style;
  return created;
}

// What is acknowledged inside would be lost with the directory. Whoever made it may have died
// since, or not have thought of it.
Status sync_name_of(const std::string& directory) {
  Status status = os::sync_directory(os::parent_of(directory));
  return status.code() == StatusCode::kPermission ? Status() : status;
}

// Precondition: check_vacant.
Status make_first_version(const std::string& directory, const Options& options) {
  constexpr std::uint64_t kFirstManifest = 1;
  constexpr std::uint64_t kFirstLog = 2;
  const manifest::ManifestId id{manifest::random_uuid(), kFirstManifest};
  const std::string path = state::file_path(directory, state::FileKind::kManifest, kFirstManifest);
  // Left by a creation that died.
  Status removed = os::unlink_file(path);
  if (!removed.ok() && removed.code() != StatusCode::kNotFound) return removed;
  manifest::VersionEdit edit;
  edit.created = creation_options(options.fixed);
  edit.oldest_log = kFirstLog;
  edit.oldest_lsn = 0;
  edit.oldest_sequence = 0;
  edit.next_file_number = kFirstLog;
  edit.last_sequence = 0;
  const os::FileOwnership ownership{options.file_mode, options.file_group};
  Result<manifest::ManifestPosition> end =
      manifest::create_manifest(directory, id, edit, ownership);
  if (!end) return end.error();
  TIDELOCK_CRASH_POINT("create.manifest_made");
  Status status = manifest::install_current(
      directory, {.features = {}, .uuid = id.uuid, .manifest_number = kFirstManifest}, ownership);
  if (!status.ok()) return status;
  // Not before: a manifest whose CURRENT may be lost in a power cut is not appended to.
  if (auto writer = manifest::ManifestWriter::open(directory, id)) writer->mark_end(*end);
  return {};
}

}  // namespace

Status rebuild(Context& context) {
  return Rebuild(context).run();
}

Status check_live_files(const Context& context) {
  const state::Layout& shared = **context.state;
  const state::MemtableHalf half = shared.memtables.load().value;
  const std::uint64_t oldest_log = shared.tables.load().value.oldest_log;
  if (half.count == 0 || half.count > state::kMemtablesMax) {
    return Status(StatusCode::kUnsupported, "attach to " + context.directory + ": no memtables");
  }
  for (std::uint64_t i = 0; i < half.count; ++i) {
    const state::MemtableEntry& entry = half.entries[i];
    if (entry.log_number < oldest_log) continue;
    auto memtable = OpenMemtable::map(context.directory, entry);
    if (!memtable) return memtable.error();
    Result<os::File> file =
        os::File::open(state::file_path(context.directory, state::FileKind::kLog, entry.log_number),
                       os::FileAccess::kReadWrite);
    if (!file) return file.error();
    Result<os::FileIdentity> identity = file->identity();
    if (!identity) return identity.error();
    Result<wal::LogFile> log =
        wal::LogFile::open(std::move(*file), std::nullopt, entry.log_number, context.uuid);
    if (!log) return log.error();
    if (identity->inode != entry.log_inode || log->header().salt != entry.log_salt) {
      return Status(StatusCode::kUnsupported,
                    "attach to " + log->file().path() + ": it was replaced");
    }
  }
  return {};
}

Status create_database(const std::string& directory, const Options& options) {
  if (Status status = check_vacant(directory); !status.ok()) return status;
  const Result<bool> destroyed = is_being_destroyed(directory);
  if (!destroyed) return destroyed.error();
  Status status = *destroyed ? remove_contents(directory) : Status();
  if (status.ok()) status = sync_name_of(directory);
  // Whoever destroyed a database here may have died before that was on disk: nothing of it may come
  // back beside this one.
  if (status.ok()) status = os::sync_directory(directory);
  if (status.ok()) status = make_first_version(directory, options);
  // What could not be made whole is not left half made. Not durable: CURRENT stands.
  if (!status.ok() && status.code() != StatusCode::kNotDurable) (void)remove_files(directory);
  return status;
}

}  // namespace tidelock::lsm
