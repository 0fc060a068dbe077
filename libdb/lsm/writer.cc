#include "lsm/writer.h"

#include <utility>
#include <vector>

#include "lsm/log_replay.h"
#include "lsm/place.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "os/process.h"
#include "state/file_names.h"
#include "wal/reader.h"

namespace tidelock::lsm {

namespace {

// Sealed memtables beyond which a roll waits for the flush.
constexpr std::uint64_t kSealedMax = 4;

state::Position to_shared(const wal::Position& position) {
  return {position.lsn, position.last_sequence, position.chain};
}

Status stopped_short(const wal::LogFile& log, const wal::RecordReader& reader) {
  return Status(StatusCode::kCorruption, "redo " + log.file().path() + " at " +
                                             std::to_string(log.offset_of(reader.position().lsn)) +
                                             ": " + wal::to_string(reader.stop()));
}

bool is_damage(const Status& status) {
  return status.code() == StatusCode::kCorruption || status.code() == StatusCode::kNotFound;
}

std::uint64_t sealed_count(const state::MemtableHalf& half, std::uint64_t oldest_log) {
  std::uint64_t count = 0;
  for (std::uint64_t i = 0; i + 1 < half.size(); ++i) {
    if (half.entries[i].log_number >= oldest_log) ++count;
  }
  return count;
}

}  // namespace

wal::Position Writer::end(const lock::Guard&) const {
  return in_active_log((*context_.state)->end.load().value);
}

// Where a log ends and the next begins there is one position and two chain values: the active log
// goes on from that of its own header.
wal::Position Writer::in_active_log(const state::Position& position) const {
  const wal::Position start = wal::start_of(target_->log->header());
  if (position.lsn == start.lsn && position.last_sequence == start.last_sequence) return start;
  return {position.lsn, position.last_sequence, position.chain};
}

Result<Writer::Commit> Writer::commit(lock::Guard& guard, const WriteRequest& request) {
  if (Status status = recover(guard); !status.ok()) return status;
  state::Layout& shared = **context_.state;
  wal::Position end = in_active_log(shared.end.load().value);
  Commit result{.outcome = Outcome::kCommitted};
  if (abandoned() || !has_room(end, request)) {
    Result<Outcome> rolled = roll(end);
    if (!rolled) return rolled.error();
    if (*rolled != Outcome::kCommitted) return Commit{.outcome = *rolled};
    if (Status status = adopt(); !status.ok()) return status;
    end = in_active_log(shared.end.load().value);
    if (!has_room(end, request)) return Commit{.outcome = Outcome::kNeedsSpare};
    result.rolled = true;
  }
  if (request.condition != nullptr) {
    Result<bool> agreed = (*request.condition)();
    if (!agreed) return agreed.error();
    if (!*agreed) return Commit{.outcome = Outcome::kRefused, .rolled = result.rolled};
  }
  TIDELOCK_CRASH_POINT("commit.begun");
  const wal::AppendOptions options{
      .durable_lsn = shared.durable_lsn.load(std::memory_order_acquire), .via = request.via};
  Result<wal::Position> next = wal::append(*target_->log, end, request.operations, options);
  if (!next) return next.error();
  TIDELOCK_CRASH_POINT("commit.appended");
  shared.end.publish(next->lsn, to_shared(*next));  // C1: the commit
  TIDELOCK_CRASH_POINT("commit.published");
  if (Status status = apply(request, end.last_sequence + 1); !status.ok()) {
    // Committed all the same: what the memtable refused comes from the log, now or by the next
    // holder.
    if (Status redone = redo(); !redone.ok()) {
      return Status(StatusCode::kNotDurable,
                    "committed, but not visible before a later write mends the memtable: " +
                        redone.message());
    }
  } else {
    publish_applied(*next);
  }
  result.end_lsn = next->lsn;
  result.half_full = half_full(next->lsn);
  return result;
}

bool Writer::half_full(std::uint64_t end_lsn) {
  if (end_lsn - target_->entry.base_lsn > target_->entry.log_size / 2) return true;
  if (target_->memtable.free_bytes() >= target_->entry.arena_size / 2) return false;
  std::atomic<std::uint64_t>& wanted = (*context_.state)->spare_wanted;
  if (wanted.load(std::memory_order_relaxed) != target_->entry.log_number) {
    wanted.store(target_->entry.log_number, std::memory_order_relaxed);
  }
  return true;
}

void Writer::drop_flushed(const lock::Guard&) {
  const std::uint64_t oldest = (*context_.state)->tables.load().value.oldest_log;
  logs_.drop_below(oldest);
  if (!target_ || target_->entry.log_number >= oldest) return;
  target_.reset();
  held_log_.store(0, std::memory_order_relaxed);
}

Status Writer::sync_log(const lock::Guard&) {
  const std::uint64_t base = target_->entry.base_lsn;
  Status status = logs_.prepare_sync(*target_->log, base, (*context_.state)->end.number());
  if (status.ok()) status = logs_.sync(*target_->log);
  if (status.code() != StatusCode::kNotFound) return status;
  Status place = check_place(context_);
  return place.ok() ? Status(StatusCode::kIo, status.message()) : place;
}

void Writer::trim(const lock::Guard&) {
  constexpr std::uint64_t kPage = 0x10000;
  if (!target_) return;
  const memtable::Arena::Free free = target_->memtable.free();
  Result<os::File> file = os::File::open(
      state::file_path(context_.directory, state::FileKind::kArena, target_->entry.arena_number),
      os::FileAccess::kReadWrite);
  // Space is all that is at stake.
  if (file && check_place(context_).ok())
    (void)file->punch_hole((free.begin + kPage - 1) / kPage * kPage, free.end / kPage * kPage);
}

Status Writer::recover(lock::Guard& guard) {
  if (Status status = adopt(); !status.ok()) return status;
  const state::Layout& shared = **context_.state;
  if (shared.applied.number() != shared.end.number() || guard.inconsistent()) [[unlikely]] {
    if (Status status = redo(); !status.ok()) return status;
    guard.mark_consistent();
  }
  return {};
}

Result<Writer::Outcome> Writer::seal(lock::Guard& guard) {
  if (Status status = recover(guard); !status.ok()) return status;
  const wal::Position end = in_active_log((*context_.state)->end.load().value);
  if (end.lsn == target_->entry.base_lsn && !abandoned()) return Outcome::kCommitted;
  return roll(end);
}

Status Writer::adopt() {
  const state::Layout& shared = **context_.state;
  if (target_ && target_->word == shared.memtables.word()) [[likely]]
    return {};
  const auto half = shared.memtables.load();
  if (half.value.count == 0 || half.value.count > state::kMemtablesMax) {
    return Status(StatusCode::kCorruption,
                  "write to " + context_.directory + "/STATE: it names no memtable");
  }
  const state::MemtableEntry& entry = half.value.active();
  Result<std::shared_ptr<wal::LogFile>> log = logs_.get(entry);
  if (!log) return log.error();
  Status status = map_arena(half.word, entry, *log);
  if (is_damage(status)) return rebuild_arena(entry, **log, entry.arena_size);
  return status;
}

Status Writer::map_arena(std::uint64_t word, const state::MemtableEntry& entry,
                         std::shared_ptr<wal::LogFile> log) {
  Result<os::File> file = os::File::open(
      state::file_path(context_.directory, state::FileKind::kArena, entry.arena_number),
      os::FileAccess::kReadWrite);
  if (!file) return file.error();
  Result<os::Mapping> arena = os::Mapping::map(*file, entry.arena_size, os::Protection::kReadWrite);
  if (!arena) return arena.error();
  auto memtable =
      memtable::MemtableWriter::attach(arena->bytes(), entry.arena_number, entry.arena_nonce);
  if (!memtable) return memtable.error();
  if (Status place = check_place(context_); !place.ok()) return place;
  target_.emplace(Target{word, entry, std::move(log), std::move(*arena), *memtable});
  held_log_.store(entry.log_number, std::memory_order_relaxed);
  logs_.drop_below((*context_.state)->tables.load().value.oldest_log);
  return {};
}

bool Writer::has_room(const wal::Position& end, const WriteRequest& request) const {
  return target_->log->fits(end.lsn, request.operations.payload.size()) &&
         target_->memtable.can_take(request.demand);
}

// C6: nothing is appended to a log whose sync failed.
bool Writer::abandoned() const {
  return (*context_.state)->sync_failure.log_number.load(std::memory_order_acquire) ==
         target_->entry.log_number;
}

Status Writer::apply(const WriteRequest& request, std::uint64_t first_sequence) {
  wal::OperationReader operations(request.operations.payload, request.operations.count);
  std::uint64_t sequence = first_sequence;
  while (operations.next()) {
    const wal::Operation& operation = operations.operation();
    auto inserted =
        target_->memtable.insert({sequence++, static_cast<memtable::OperationKind>(operation.kind),
                                  operation.key, operation.value});
    if (!inserted) return inserted.error();
    TIDELOCK_CRASH_POINT("commit.inserted");
  }
  return operations.status();
}

void Writer::publish_applied(const wal::Position& end) {
  state::Layout& shared = **context_.state;
  shared.applied.publish(end.lsn, to_shared(end));
  TIDELOCK_CRASH_POINT("commit.applied");
  // Pairs with the acquire of every reader: what has this number or a lower one can be found.
  shared.visible.store(end.last_sequence, std::memory_order_release);
  TIDELOCK_CRASH_POINT("commit.visible");
}

// C5: what lies between `applied` and `end` is committed; a dead writer may have inserted a part.
Status Writer::redo() {
  state::Layout& shared = **context_.state;
  const state::Position end = shared.end.load().value;
  TIDELOCK_CRASH_POINT("redo.begun");
  Status status = redo_records();
  if (status.code() == StatusCode::kLimit || is_damage(status)) {
    // Writers killed again and again have used the arena up, or a stray store has damaged it.
    const state::MemtableEntry entry = target_->entry;
    const std::shared_ptr<wal::LogFile> log = target_->log;
    const bool full = status.code() == StatusCode::kLimit;
    status = rebuild_arena(entry, *log, full ? entry.arena_size * 2 : entry.arena_size);
  }
  if (!status.ok()) return status;
  TIDELOCK_CRASH_POINT("redo.inserted");
  if (shared.applied.number() != end.lsn) {
    shared.applied.publish(end.lsn, end);
    shared.counters.redos.fetch_add(1, std::memory_order_relaxed);
    TIDELOCK_CRASH_POINT("redo.applied");
  }
  shared.visible.store(end.last_sequence, std::memory_order_release);
  return {};
}

Status Writer::redo_records() {
  const state::Layout& shared = **context_.state;
  const wal::Position from = in_active_log(shared.applied.load().value);
  const wal::Position to = in_active_log(shared.end.load().value);
  if (from.lsn == to.lsn) return {};
  Result<std::vector<std::byte>> bytes = target_->log->read(from.lsn, to.lsn);
  if (!bytes) return bytes.error();
  wal::RecordReader reader(*bytes, from, context_.uuid);
  while (reader.next()) {
    if (Status status = apply_record(target_->memtable, reader.record()); !status.ok()) {
      return status;
    }
  }
  return reader.position() == to ? Status() : stopped_short(*target_->log, reader);
}

// A new arena is filled from the log, and takes the old one's place in the view. Killed on the way:
// a file that nobody names.
Status Writer::rebuild_arena(const state::MemtableEntry& damaged, wal::LogFile& log,
                             std::uint64_t size) {
  if (Status status = check_place(context_); !status.ok()) return status;
  state::Layout& shared = **context_.state;
  const wal::Position start = wal::start_of(log.header());
  const std::uint64_t end = shared.end.number();
  Result<std::vector<std::byte>> bytes = log.read(start.lsn, end);
  if (!bytes) return bytes.error();
  for (;; size *= 2) {
    const std::uint64_t number = shared.next_file_number.fetch_add(1, std::memory_order_relaxed);
    Result<NewArena> arena = make_arena(context_, number, size);
    if (!arena) return arena.error();
    wal::RecordReader reader(*bytes, start, context_.uuid);
    Status status;
    while (status.ok() && reader.next()) status = apply_record(arena->writer, reader.record());
    if (status.ok() && reader.position().lsn != end) status = stopped_short(log, reader);
    // The new arena is named by nobody, and a sweep removes it.
    if (Status place = check_place(context_); !place.ok()) return place;
    if (!status.ok()) {
      (void)os::unlink_file(state::file_path(context_.directory, state::FileKind::kArena, number));
      if (status.code() == StatusCode::kLimit) continue;
      return status;
    }
    TIDELOCK_CRASH_POINT("redo.arena_rebuilt");
    auto half = shared.memtables.load();
    state::MemtableEntry& entry = half.value.active();
    entry.arena_number = number;
    entry.arena_nonce = arena->nonce;
    entry.arena_inode = arena->inode;
    entry.arena_size = size;
    shared.memtables.publish(half.number() + 1, half.value);
    (void)os::unlink_file(
        state::file_path(context_.directory, state::FileKind::kArena, damaged.arena_number));
    return adopt();
  }
}

// Killed before the publication: the taken spare is named by nobody, and a sweep removes it. Its
// log may have a header, but no record, so replay does not let it end the log before it.
Result<Writer::Outcome> Writer::roll(const wal::Position& end) {
  state::Layout& shared = **context_.state;
  auto half = shared.memtables.load();
  const std::uint64_t oldest_log = shared.tables.load().value.oldest_log;
  if (sealed_count(half.value, oldest_log) >= kSealedMax) return Outcome::kNeedsFlush;
  const std::optional<SpareFiles> spare = find_spare(shared, target_->entry.log_number);
  if (!spare) return Outcome::kNeedsSpare;
  std::uint64_t expected = spare->number;
  // Withdrawn just now, or removed by somebody else: no spare at all.
  const auto gone = [&](const Status& status) -> Result<Outcome> {
    if (status.code() != StatusCode::kNotFound) return status;
    if (Status place = check_place(context_); !place.ok()) return place;
    shared.spare.number.compare_exchange_strong(expected, 0);
    return Outcome::kNeedsSpare;
  };
  Result<os::File> file =
      os::File::open(state::file_path(context_.directory, state::FileKind::kLog, spare->number),
                     os::FileAccess::kReadWrite);
  if (!file) return gone(file.error());
  Result<os::FileIdentity> log_identity = file->identity();
  if (!log_identity) return log_identity.error();
  Result<os::FileIdentity> arena_identity = os::path_identity(
      state::file_path(context_.directory, state::FileKind::kArena, spare->number));
  if (!arena_identity) return gone(arena_identity.error());
  auto mapping = map_log(context_, *file);
  if (!mapping) return mapping.error();
  if (Status place = check_place(context_); !place.ok()) return place;
  if (!shared.spare.number.compare_exchange_strong(expected, 0)) return Outcome::kNeedsSpare;
  TIDELOCK_CRASH_POINT("roll.spare_taken");
  const wal::LogHeader header{.number = spare->number,
                              .base_lsn = end.lsn,
                              .base_sequence = end.last_sequence,
                              .salt = os::random_u64(),
                              .predecessor = target_->entry.log_number,
                              .predecessor_chain = end.chain,
                              .uuid = context_.uuid};
  Result<wal::LogFile> log = wal::LogFile::begin(std::move(*file), std::move(*mapping), header);
  if (!log) {
    remove_spare_files(context_, spare->number);
    return log.error();
  }
  TIDELOCK_CRASH_POINT("roll.log_begun");

  state::MemtableHalf next{};
  for (std::uint64_t i = 0; i < half.value.size(); ++i) {
    const state::MemtableEntry& entry = half.value.entries[i];
    const bool active = i + 1 == half.value.count;
    if (active || entry.log_number >= oldest_log) next.entries[next.count++] = entry;
  }
  next.entries[next.count++] = {.log_number = spare->number,
                                .arena_number = spare->number,
                                .base_lsn = end.lsn,
                                .first_sequence = end.last_sequence + 1,
                                .log_salt = header.salt,
                                .log_inode = log_identity->inode,
                                .log_size = spare->sizes.log,
                                .arena_nonce = spare->arena_nonce,
                                .arena_inode = arena_identity->inode,
                                .arena_size = spare->sizes.arena};
  logs_.add(std::make_shared<wal::LogFile>(std::move(*log)));
  shared.memtables.publish(half.number() + 1, next);
  TIDELOCK_CRASH_POINT("roll.published");
  shared.counters.rolls.fetch_add(1, std::memory_order_relaxed);
  return Outcome::kCommitted;
}

}  // namespace tidelock::lsm
