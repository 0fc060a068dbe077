#include "lsm/attach.h"

#include <algorithm>
#include <utility>

#include "lock/layout.h"
#include "lsm/catalog.h"
#include "lsm/destroy.h"
#include "lsm/rebuild.h"
#include "manifest/manifest_reader.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "os/process.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

using Mode = os::ByteLocks::Mode;

Status check_ground(const std::string& directory, const Options& options) {
  if (!options.allow_unsafe_file_system) {
    if (Status status = os::check_file_system(directory); !status.ok()) return status;
  }
  return os::check_directory_mode(directory);
}

Status check_links(const os::File& file) {
  Result<std::uint64_t> links = file.link_count();
  if (!links) return links.error();
  if (*links <= 1) return {};
  return Status(StatusCode::kUnsupported, "open " + file.path() +
                                              ": it has several hard links, so another directory "
                                              "shares this database's mutable files");
}

Result<os::File> open_lock(const std::string& directory, const os::FileOwnership& ownership) {
  const bool exists = os::file_exists(directory + "/" + state::kLockName);
  // A directory of another store gets no file of ours.
  if (!exists && os::file_exists(directory + "/" + state::kCurrentName)) {
    Status ours = manifest::read_current(directory, Access::kReadOnly).status();
    if (ours.code() == StatusCode::kUnsupported) return ours;
  }
  return open_or_create_lock(directory, ownership);
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

template <typename T>
bool differs(const std::optional<T>& wanted, const T& recorded) {
  return wanted && *wanted != recorded;
}

Status check_fixed(const std::string& directory, const FixedOptions& wanted,
                   const manifest::CreationOptions& created) {
  const char* name = nullptr;
  if (differs(wanted.memtable_size, static_cast<std::size_t>(created.memtable_size))) {
    name = "memtable_size";
  } else if (differs(wanted.block_size, static_cast<std::size_t>(created.block_size))) {
    name = "block_size";
  } else if (differs(wanted.compression, created.compression)) {
    name = "compression";
  } else if (differs(wanted.bloom_bits_per_key, created.bloom_bits_per_key)) {
    name = "bloom_bits_per_key";
  } else if (differs(wanted.compaction_style, created.compaction_style)) {
    name = "compaction_style";
  }
  if (name == nullptr) return {};
  return Status(StatusCode::kInvalid, "open " + directory + ": option " + name +
                                          " was fixed with another value at creation");
}

Status check_range(const FixedOptions& fixed) {
  const auto outside = [](const std::optional<std::size_t>& value, std::size_t low,
                          std::size_t high) { return value && (*value < low || *value > high); };
  const char* name = nullptr;
  if (outside(fixed.memtable_size, std::size_t{1} << 20, std::size_t{4} << 30)) {
    name = "memtable_size must be 1 MiB to 4 GiB";
  } else if (outside(fixed.block_size, 256, std::size_t{1} << 20)) {
    name = "block_size must be 256 bytes to 1 MiB";
  } else if (fixed.bloom_bits_per_key && *fixed.bloom_bits_per_key > 32) {
    name = "bloom_bits_per_key must be 0 to 32";
  }
  return name == nullptr ? Status() : Status(StatusCode::kInvalid, std::string("open: ") + name);
}

// CURRENT, and what the first record of its manifest says.
Status read_identity(Context& context) {
  Result<manifest::LiveManifest> live =
      manifest::open_live_manifest(context.directory, context.options.access);
  if (!live) return live.error();
  if (Status status = live->reader.read_all(); !status.ok()) return status;
  context.uuid = live->current.uuid;
  context.created = live->reader.version().created();
  TIDELOCK_CRASH_POINT("attach.identified");
  return check_fixed(context.directory, context.options.fixed, context.created);
}

Result<os::Mapping> map_queue(const Context& context) {
  const std::string path = context.directory + "/" + state::kQueueName;
  Result<os::File> file = os::File::open(path, os::FileAccess::kReadWrite);
  if (!file) return file.error();
  if (Status status = check_links(*file); !status.ok()) return status;
  return os::Mapping::map(*file, lock::queue_file_size(), os::Protection::kReadWrite);
}

Status check_queue(const Context& context) {
  Result<os::Mapping> queue = map_queue(context);
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

Status join_queue(Context& context) {
  Result<os::Mapping> queue = map_queue(context);
  if (!queue) return queue.error();
  const std::string label =
      context.options.label.empty() ? os::program_name() : context.options.label;
  context.queue_file.emplace(std::move(*queue));
  const lock::Site site{.bytes = context.queue_file->bytes(),
                        .locks = *context.locks,
                        .recovery_byte = kRecoveryByte,
                        .first_member_byte = kMemberByte};
  auto attached = lock::Queue::attach(site, context.options.handover, label);
  if (!attached) return attached.error();
  context.queue = std::move(*attached);
  return {};
}

// True if it made one.
Result<bool> create_if_asked(const std::string& directory, const Options& options) {
  const bool exists = os::file_exists(directory + "/" + state::kCurrentName);
  if (exists && options.mode == OpenMode::kCreate) {
    return Status(StatusCode::kExists, "create " + directory + ": there is a database already");
  }
  if (exists) return false;
  if (options.mode == OpenMode::kOpen) {
    return Status(StatusCode::kNotFound, "open " + directory + ": there is no database");
  }
  Status status = create_database(directory, options);
  if (!status.ok()) return status;
  return true;
}

BusyInfo busy_opening() {
  BusyInfo busy;
  busy.reason = BusyReason::kOpen;
  return busy;
}

Status wait_failed(const std::string& directory) {
  return Status(StatusCode::kTimedOut,
                "open " + directory + ": another process is preparing the shared state",
                busy_opening());
}

std::unique_ptr<Context> make_context(const std::string& directory, const Options& options) {
  auto context = std::make_unique<Context>();
  context->directory = directory;
  context->options = options;
  context->map_logs = !os::mapped_stores_may_fail(directory);
  context->events =
      options.event_log && options.access == Access::kReadWrite
          ? std::make_unique<EventLog>(directory, context->ownership(),
                                       options.label.empty() ? os::program_name() : options.label)
          : std::make_unique<EventLog>();
  return context;
}

// The rest of the protocol for whoever found nobody attached: `open` is held exclusively, and
// shared afterwards.
Status attach_alone(Context& context) {
  if (Status status = read_identity(context); !status.ok()) return status;
  if (Status status = check_exclusion(context.locks->file()); !status.ok()) return status;
  if (Status status = make_valid(context); !status.ok()) return status;
  return context.locks->downgrade(kOpenByte);
}

// For whoever found others attached, and holds `open` shared. A state that is not to be had is
// being left by them just now.
Status attach_beside_others(Context& context) {
  const std::string& directory = context.directory;
  if (context.options.mode == OpenMode::kCreate &&
      os::file_exists(directory + "/" + state::kCurrentName)) {
    return Status(StatusCode::kExists, "create " + directory + ": there is a database already");
  }
  if (Status status = read_identity(context); !status.ok()) return status;
  return use_theirs(context).ok() ? Status() : wait_failed(directory);
}

// One try to get in. kBusy: not now.
Result<Attached> try_attach(const std::string& directory, const Options& options) {
  auto context = make_context(directory, options);
  Result<os::File> lock_file = open_lock(directory, context->ownership());
  if (!lock_file) return lock_file.error();
  if (Status status = check_links(*lock_file); !status.ok()) return status;
  context->locks = std::make_unique<os::ByteLocks>(std::move(*lock_file));
  const os::File& file = context->locks->file();

  Result<bool> alone = context->locks->try_lock(kOpenByte, Mode::kExclusive);
  if (!alone) return alone.error();
  if (!*alone) {
    Result<bool> shared = context->locks->try_lock(kOpenByte, Mode::kShared);
    if (!shared) return shared.error();
    if (!*shared) return wait_failed(directory);
  }
  Result<os::FileIdentity> locked = file.identity();
  if (!locked) return locked.error();
  Result<os::FileIdentity> named = os::path_identity(file.path());
  if (!named || !(*named == *locked)) return wait_failed(directory);

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

struct Ground {
  std::string path;   // canonical
  bool made = false;  // by this call
};

Result<Ground> prepare_directory(const std::string& directory, const Options& options) {
  Ground ground;
  if (!os::directory_exists(directory)) {
    if (options.mode == OpenMode::kOpen || options.access == Access::kReadOnly) {
      return Status(StatusCode::kNotFound, "open " + directory + ": there is no such directory");
    }
    Status made = os::make_directory(directory, {options.file_mode, options.file_group});
    if (!made.ok() && made.code() != StatusCode::kExists) return made;
    ground.made = made.ok();
  }
  Result<std::string> canonical = os::canonical_path(directory);
  if (!canonical) return canonical.error();
  ground.path = std::move(*canonical);
  if (Status status = check_ground(ground.path, options); !status.ok()) {
    if (ground.made) (void)os::remove_directory(ground.path);
    return status;
  }
  return ground;
}

}  // namespace

Result<Attached> attach(const std::string& directory, const Options& options) {
  if (Status status = check_range(options.fixed); !status.ok()) return status;
  Result<Ground> ground = prepare_directory(directory, options);
  if (!ground) return ground.error();
  // Whoever only opens leaves no trace where there is no database.
  if (options.mode == OpenMode::kOpen &&
      !os::file_exists(ground->path + "/" + state::kCurrentName)) {
    return Status(StatusCode::kNotFound, "open " + ground->path + ": there is no database");
  }
  const os::Deadline deadline = os::Deadline::after(options.wait.policy == Wait::Policy::kFailFast
                                                        ? std::chrono::milliseconds(0)
                                                        : options.wait.deadline);
  std::chrono::nanoseconds pause = std::chrono::microseconds(100);
  for (;;) {
    Result<Attached> attached = try_attach(ground->path, options);
    if (attached) return attached;
    const BusyInfo* const busy = attached.error().busy();
    if (busy == nullptr || busy->reason != BusyReason::kOpen || deadline.expired()) {
      if (ground->made) (void)os::remove_directory(ground->path);  // unless there is anything in it
      return attached;
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
  Result<Ground> ground = prepare_directory(directory, options);
  if (!ground) return ground.error();
  auto context = make_context(ground->path, options);
  Result<os::File> lock_file =
      os::File::open(ground->path + "/" + state::kLockName, os::FileAccess::kRead);
  if (lock_file) {
    context->locks = std::make_unique<os::ByteLocks>(std::move(*lock_file));
  } else if (lock_file.error().code() != StatusCode::kNotFound) {
    return lock_file.error();
  }
  if (Status status = read_identity(*context); !status.ok()) return status;
  return Attached{std::move(context), false};
}

Result<bool> become_last(Context& context) {
  context.locks->unlock(kOpenByte);
  return context.locks->try_lock(kOpenByte, Mode::kExclusive);
}

}  // namespace tidelock::lsm
