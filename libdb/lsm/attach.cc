#include "lsm/attach.h"

#include <algorithm>
#include <utility>

#include "lock/layout.h"
#include "lsm/catalog.h"
#include "lsm/destroy.h"
#include "lsm/ground.h"
#include "lsm/open_options.h"
#include "lsm/place.h"
#include "lsm/queue_file.h"
#include "lsm/rebuild.h"
#include "manifest/manifest_reader.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "os/process.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

using Mode = os::ByteLocks::Mode;

// What opening says where CURRENT is missing, and nobody is making or destroying a database.
Status no_database(const std::string& directory) {
  Status status = check_vacant(directory);
  if (!status.ok()) return status;
  return Status(StatusCode::kNotFound, "open " + directory + ": there is no database");
}

// Try again: somebody is preparing the shared state, or is leaving it. `cause` says what was found.
Status not_now(const std::string& directory, const std::string& cause) {
  BusyInfo busy;
  busy.reason = BusyReason::kOpen;
  return Status(StatusCode::kBusy, "open " + directory + ": " + cause, std::move(busy));
}

bool is_not_now(const Status& status) {
  return status.busy() != nullptr && status.busy()->reason == BusyReason::kOpen;
}

Result<bool> current_exists(const std::string& directory) {
  return os::exists(directory + "/" + state::kCurrentName);
}

// A directory of another store gets no file of ours, nor one where there is nothing to open, nor
// one that create_database would refuse. Precondition: LOCK was missing.
Status check_may_make_lock(const std::string& directory, OpenMode mode) {
  const Result<bool> current = current_exists(directory);
  if (!current) return current.error();
  if (*current) {
    Status ours = manifest::read_current(directory, Access::kReadOnly).status();
    return ours.code() == StatusCode::kUnsupported ? ours : Status();
  }
  Status status = mode == OpenMode::kOpen ? no_database(directory) : check_vacant(directory);
  if (status.ok()) return status;
  // Whoever makes one begins with LOCK.
  for (const char* name : {state::kLockName, state::kCurrentName}) {
    const Result<bool> made = os::exists(directory + "/" + name);
    if (!made) return made.error();
    if (*made) return not_now(directory, "it is being made");
  }
  return status;
}

// All who share a database make files for each other: with mode and group of CURRENT, if not told
// otherwise. The group only if this process may give files to it.
Status inherit_ownership(Context& context) {
  if (context.read_only()) return {};
  const std::string path = context.directory + "/" + state::kCurrentName;
  const Result<os::FileOwnership> current = os::ownership_of(path);
  if (!current) return current.error();
  if (!context.new_files.mode) context.new_files.mode = current->mode;
  if (context.new_files.group) return {};
  const Result<bool> may_give = os::may_give_to(path, *current->group);
  if (!may_give) return may_give.error();
  if (*may_give) context.new_files.group = current->group;
  return {};
}

Result<os::File> open_lock(Context& context) {
  const std::string& directory = context.directory;
  Result<os::File> file =
      os::File::open(directory + "/" + state::kLockName, os::FileAccess::kReadWrite);
  if (file || file.error().code() != StatusCode::kNotFound) return file;
  Status status = check_may_make_lock(directory, context.options.mode);
  if (!status.ok()) return status;
  status = inherit_ownership(context);
  if (!status.ok() && status.code() != StatusCode::kNotFound) return status;  // there is no CURRENT
  return open_or_create_lock(directory, context.ownership());
}

// A lock on one descriptor must exclude another, and a second mapping must see the first.
Status check_exclusion(const os::File& lock_file) {
  Result<os::File> second = os::File::open(lock_file.path(), os::FileAccess::kReadWrite);
  if (!second) return second.error();
  os::ByteLocks others(std::move(*second));
  Result<bool> taken = others.try_lock(kOpenByte, Mode::kExclusive);
  if (!taken) return taken.error();
  if (*taken) {
    return Status(StatusCode::kUnsupported, "open " + lock_file.path() +
                                                ": locks do not exclude each other on this file "
                                                "system");
  }
  return {};
}

Status check_coherence(const Context& context) {
  auto again = state::SharedState::map(context.directory, os::Protection::kRead);
  if (!again) return again.error();
  if ((*again)->is_epoch((*context.state)->header.epoch)) return {};
  return Status(StatusCode::kUnsupported,
                "open " + context.directory + ": mappings of one file do not see each other");
}

// CURRENT, and what the first record of its manifest says.
Status read_identity(Context& context) {
  Result<manifest::LiveManifest> live =
      manifest::open_live_manifest(context.directory, context.options.access);
  if (!live) return live.error();
  if (Status status = live->reader.read_all(); !status.ok()) return status;
  context.uuid = live->current.uuid;
  if (Status status = inherit_ownership(context); !status.ok()) return status;
  context.created = live->reader.version().created();
  TIDELOCK_CRASH_POINT("attach.identified");
  return check_fixed(context.directory, context.options.fixed, context.created);
}

Status check_queue(const Context& context) {
  Result<os::Mapping> queue = map_queue(context, QueueFile::kExisting);
  if (!queue) return queue.error();
  if (lock::valid(queue->bytes(), (*context.state)->header.queue_nonce)) return {};
  return Status(StatusCode::kUnsupported, "attach to " + context.directory + "/QUEUE: not valid");
}

// O3. Nobody else is attached.
Status make_valid(Context& context) {
  auto state = state::SharedState::map_or_create(context.directory, context.ownership());
  if (!state) return state.error();
  context.state = std::move(*state);
  Status valid = context.state->validate(context.uuid, state::MountCheck::kSameMount);
  if (valid.ok()) valid = check_queue(context);
  if (valid.ok()) valid = check_live_files(context);
  if (!valid.ok()) {
    context.events->note(valid.to_string());
    if (Status status = rebuild(context); !status.ok()) return status;
  }
  // The last to close gave back the unused part of the arena.
  const state::MemtableEntry entry = (*context.state)->memtables.load().value.active();
  Result<os::File> arena = os::File::open(
      state::file_path(context.directory, state::FileKind::kArena, entry.arena_number),
      os::FileAccess::kReadWrite);
  if (!arena) return arena.error();
  if (Status place = check_place(context); !place.ok()) return place;
  if (Status status = arena->reserve(entry.arena_size); !status.ok()) return status;
  return check_coherence(context);
}

// O2. Others are attached, so their state is live.
Status use_theirs(Context& context) {
  auto state = state::SharedState::map(context.directory, os::Protection::kReadWrite);
  if (!state) return state.error();
  context.state = std::move(*state);
  if (Status status = context.state->validate(context.uuid, state::MountCheck::kAnyMount);
      !status.ok()) {
    return status;
  }
  return check_queue(context);
}

// A change of hands is dear here: whoever comes next faults in the pages of the memtable that
// others have changed, and finds the tree in another processor's cache.
lock::Discipline discipline_of(const Options& options) {
  lock::Discipline discipline(options.handover);
  discipline.turns_in_a_row = 4096;
  discipline.overtaking_max = std::chrono::microseconds(500);
  return discipline;
}

Status join_queue(Context& context) {
  Result<os::Mapping> queue = map_queue(context, QueueFile::kExisting);
  if (!queue) return queue.error();
  const std::string label =
      context.options.label.empty() ? os::program_name() : context.options.label;
  context.queue_file.emplace(std::move(*queue));
  const lock::Site site{.bytes = context.queue_file->bytes(),
                        .locks = *context.locks,
                        .recovery_byte = kRecoveryByte,
                        .first_member_byte = kMemberByte};
  auto attached = lock::Queue::attach(site, discipline_of(context.options), label);
  if (!attached) return attached.error();
  context.queue = std::move(*attached);
  return {};
}

// True if it made one.
Result<bool> create_if_asked(const std::string& directory, const Options& options) {
  const Result<bool> exists = current_exists(directory);
  if (!exists) return exists.error();
  if (*exists && options.mode == OpenMode::kCreate) {
    return Status(StatusCode::kExists, "create " + directory + ": there is a database already");
  }
  if (*exists) return false;
  if (options.mode == OpenMode::kOpen) return no_database(directory);
  Status status = create_database(directory, options);
  if (!status.ok()) return status;
  return true;
}

std::unique_ptr<Context> make_context(const std::string& directory, const Options& options) {
  auto context = std::make_unique<Context>();
  context->directory = directory;
  context->options = options;
  context->new_files = {options.file_mode, options.file_group};
  context->map_logs = !os::mapped_stores_may_fail(directory);
  context->events =
      options.event_log && options.access == Access::kReadWrite
          ? std::make_unique<EventLog>(directory, context->ownership(),
                                       options.label.empty() ? os::program_name() : options.label)
          : std::make_unique<EventLog>();
  return context;
}

// What says that a database is to go has no business beside one that is there: a backup was
// restored over a half destroyed one. It would take that along when CURRENT is lost one day.
Status forget_destruction(const Context& context) {
  const Result<bool> there = is_being_destroyed(context.directory);
  if (!there) return there.error();
  if (!*there) return {};
  Status status = os::unlink_file(context.directory + "/" + state::kDestroyedName);
  if (!status.ok()) return status;
  return os::sync_directory(context.directory);
}

// The rest of the protocol for whoever found nobody attached: `open` is held exclusively, and
// shared afterwards.
Status attach_alone(Context& context) {
  if (Status status = forget_destruction(context); !status.ok()) return status;
  if (Status status = read_identity(context); !status.ok()) return status;
  if (Status status = check_exclusion(context.locks->file()); !status.ok()) return status;
  if (Status status = make_valid(context); !status.ok()) return status;
  return context.locks->downgrade(kOpenByte);
}

// For whoever found others attached, and holds `open` shared. A state that is not to be had is
// being left by them just now.
Status attach_beside_others(Context& context) {
  const std::string& directory = context.directory;
  const Result<bool> exists = current_exists(directory);
  if (!exists) return exists.error();
  if (*exists && context.options.mode == OpenMode::kCreate) {
    return Status(StatusCode::kExists, "create " + directory + ": there is a database already");
  }
  if (Status status = read_identity(context); !status.ok()) return status;
  const Status status = use_theirs(context);
  switch (status.code()) {
    case StatusCode::kNotFound:
    case StatusCode::kCorruption:
    case StatusCode::kUnsupported:
      return not_now(directory, "its shared state is not ready: " + status.message());
    default:
      return status;
  }
}

// A reader found no CURRENT. Whoever makes or destroys a database holds `open` exclusively; then
// files without CURRENT say nothing.
Status explain_absence(const Context& context) {
  Status missing(StatusCode::kNotFound, "open " + context.directory + ": there is no database");
  if (context.locks != nullptr) {
    const Result<bool> in_work = context.locks->held_by_another(kOpenByte);
    if (!in_work) return in_work.error();
    if (*in_work) return missing;
  }
  Status status = no_database(context.directory);
  const Result<bool> made_since = current_exists(context.directory);
  if (!made_since) return made_since.error();
  return *made_since ? missing : status;
}

// One try to get in.
Result<Attached> try_attach(const std::string& directory, const Options& options) {
  auto context = make_context(directory, options);
  Result<os::File> lock_file = open_lock(*context);
  if (!lock_file) return lock_file.error();
  if (Status status = check_one_link(*lock_file); !status.ok()) return status;
  context->locks = std::make_unique<os::ByteLocks>(std::move(*lock_file));
  const os::File& file = context->locks->file();

  Result<bool> alone = context->locks->try_lock(kOpenByte, Mode::kExclusive);
  if (!alone) return alone.error();
  if (!*alone) {
    Result<bool> shared = context->locks->try_lock(kOpenByte, Mode::kShared);
    if (!shared) return shared.error();
    if (!*shared) return not_now(directory, "another process is preparing the shared state");
  }
  const Result<bool> in_place = is_in_place(file);
  if (!in_place) return in_place.error();
  if (!*in_place) return not_now(directory, "it is being removed");

  Result<bool> created = *alone ? create_if_asked(directory, options) : false;
  if (!created) return created.error();
  Status status = *alone ? attach_alone(*context) : attach_beside_others(*context);
  // What could not be made whole is not left half made.
  if (!status.ok() && *created) (void)remove_files(directory);
  if (status.ok()) status = join_queue(*context);
  if (!status.ok()) return status;
  TIDELOCK_CRASH_POINT("attach.joined");
  return Attached{std::move(context), *alone};
}

}  // namespace

Result<Attached> attach(const std::string& directory, const Options& options) {
  if (Status status = check_options(options); !status.ok()) return status;
  Result<Ground> ground = prepare_ground(directory, options);
  if (!ground) return ground.error();
  const bool at_once = options.wait.policy == Wait::Policy::kFailFast;
  const os::Deadline deadline =
      os::Deadline::after(at_once ? std::chrono::milliseconds(0) : options.wait.deadline);
  std::chrono::nanoseconds pause = std::chrono::microseconds(100);
  for (;;) {
    Result<Attached> attached = try_attach(ground->path, options);
    if (attached) return attached;
    const Status& status = attached.error();
    if (!is_not_now(status) || deadline.expired()) {
      leave_ground(*ground);
      if (!is_not_now(status) || at_once) return status;
      return Status(StatusCode::kTimedOut, status.message(), *status.busy());
    }
    const auto jitter = std::chrono::nanoseconds(
        static_cast<std::int64_t>(os::random_u64() % static_cast<std::uint64_t>(pause.count())));
    os::sleep_for(std::min(pause / 2 + jitter, deadline.left()));
    pause = std::min<std::chrono::nanoseconds>(pause * 2, std::chrono::milliseconds(5));
  }
}

Result<Attached> attach_read_only(const std::string& directory, const Options& options) {
  if (options.mode != OpenMode::kOpen) {
    return Status(StatusCode::kInvalid, "open " + directory + ": a reader cannot create");
  }
  if (Status status = check_options(options); !status.ok()) return status;
  Result<Ground> ground = prepare_ground(directory, options);
  if (!ground) return ground.error();
  auto context = make_context(ground->path, options);
  Result<os::File> lock_file =
      os::File::open(ground->path + "/" + state::kLockName, os::FileAccess::kRead);
  if (lock_file) {
    context->locks = std::make_unique<os::ByteLocks>(std::move(*lock_file));
  } else if (lock_file.error().code() != StatusCode::kNotFound) {
    return lock_file.error();
  }
  Status status = read_identity(*context);
  if (status.code() == StatusCode::kNotFound) status = explain_absence(*context);
  if (!status.ok()) return status;
  return Attached{std::move(context), false};
}

Result<bool> become_last(Context& context) {
  context.locks->unlock(kOpenByte);
  return context.locks->try_lock(kOpenByte, Mode::kExclusive);
}

}  // namespace tidelock::lsm
