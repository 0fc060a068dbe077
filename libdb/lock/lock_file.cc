#include "lock/lock_file.h"

#include <xxhash.h>

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <utility>

#include "lock/layout.h"
#include "lock/sight.h"
#include "os/clock.h"
#include "os/crash_point.h"
#include "os/directory.h"
#include "os/file.h"
#include "os/process.h"

namespace tidelock::lock {

namespace {

using std::chrono::milliseconds;

// For how long another process may take to lay the file out.
constexpr milliseconds kOpenMax{10'000};

Result<os::File> open_or_create(const std::string& path) {
  for (;;) {
    Result<os::File> file = os::File::open(path, os::FileAccess::kReadWrite);
    if (file || file.error().code() != StatusCode::kNotFound) return file;
    file = os::File::create(path, {});
    if (file || file.error().code() != StatusCode::kExists) return file;
  }
}

Result<std::uint64_t> identity_of(const os::File& file) {
  const Result<std::uint64_t> boot = os::boot_identity();
  if (!boot) {
    return Status(boot.error().code(), "open " + file.path() + ": " + boot.error().message());
  }
  const Result<std::uint64_t> mount = os::mount_identity(file.path());
  if (!mount) return mount.error();
  const Result<os::FileIdentity> self = file.identity();
  if (!self) return self.error();
  const std::array<std::uint64_t, 4> facts{*boot, *mount, self->device, self->inode};
  return XXH3_64bits(facts.data(), sizeof facts);
}

Status not_a_queue_file(const std::string& path) {
  return Status(StatusCode::kUnsupported, "open " + path + ": not a lock queue file");
}

// Precondition: the open byte is held exclusively.
Status lay_out_unless_valid(os::File& file, std::uint64_t identity) {
  std::array<std::byte, 4096> beginning;
  const Result<std::size_t> length = file.read(0, beginning);
  if (!length) return length.error();
  if (!may_be_formatted(std::span(beginning).first(*length))) {
    return not_a_queue_file(file.path());
  }
  const Result<std::uint64_t> size = file.size();
  if (!size) return size.error();
  if (*size < queue_file_size()) {
    if (Status status = file.reserve_for_stores(queue_file_size()); !status.ok()) return status;
    TIDELOCK_CRASH_POINT("lock.file_allocated");
  }
  Result<os::Mapping> mapping =
      os::Mapping::map(file, queue_file_size(), os::Protection::kReadWrite);
  if (!mapping) return mapping.error();
  if (!valid(mapping->bytes(), identity)) format(mapping->bytes(), identity);
  TIDELOCK_CRASH_POINT("lock.file_laid_out");
  return {};
}

// A mapping of a complete file, if it is one. Precondition: the open byte is held, either way.
// While others are attached no identity is asked for: the file may be mounted elsewhere for them,
// as in a container, and is of this boot all the same.
Result<std::optional<os::Mapping>> map_if_valid(const os::File& file,
                                                std::optional<std::uint64_t> identity) {
  const Result<std::uint64_t> size = file.size();
  if (!size) return size.error();
  if (*size < queue_file_size()) return std::optional<os::Mapping>();
  Result<os::Mapping> mapping =
      os::Mapping::map(file, queue_file_size(), os::Protection::kReadWrite);
  if (!mapping) return mapping.error();
  if (!valid(mapping->bytes(), identity)) return std::optional<os::Mapping>();
  return std::optional<os::Mapping>(std::move(*mapping));
}

}  // namespace

Result<LockFile> LockFile::open(const std::string& path) {
  Result<os::File> file = open_or_create(path);
  if (!file) return file.error();
  if (Status status = os::check_file_system(path); !status.ok()) return status;
  Result<os::File> second = os::File::open(path, os::FileAccess::kReadWrite);
  if (!second) return second.error();
  const Result<std::uint64_t> identity = identity_of(*file);
  if (!identity) return identity.error();
  const Result<std::uint64_t> other_identity = identity_of(*second);
  if (!other_identity) return other_identity.error();
  if (*identity != *other_identity) {
    return Status(StatusCode::kBusy, "open " + path + ": the file was replaced meanwhile");
  }
  auto locks = std::make_unique<os::ByteLocks>(std::move(*second));

  using Mode = os::ByteLocks::Mode;
  const os::Deadline deadline = os::Deadline::after(kOpenMax);
  do {
    const Result<bool> alone = locks->try_lock(kOpenByte, Mode::kExclusive);
    if (!alone) return alone.error();
    if (*alone) {
      if (Status status = lay_out_unless_valid(*file, *identity); !status.ok()) return status;
      if (Status status = locks->downgrade(kOpenByte); !status.ok()) return status;
    } else {
      const Result<bool> shared = locks->lock_before(kOpenByte, Mode::kShared, deadline);
      if (!shared) return shared.error();
      if (!*shared) break;
    }
    const auto demanded = *alone ? std::optional(*identity) : std::nullopt;
    Result<std::optional<os::Mapping>> mapping = map_if_valid(*file, demanded);
    if (!mapping) return mapping.error();
    if (*mapping) return LockFile(std::move(locks), std::move(**mapping));
    // Its creator died on the way, or another release is attached; try to be alone.
    locks->unlock(kOpenByte);
    os::sleep_for(std::chrono::microseconds(500 + os::random_u64() % 1000));
  } while (!deadline.expired());
  BusyInfo busy;
  busy.reason = BusyReason::kOpen;
  return Status(StatusCode::kBusy,
                "open " + path + ": another process is laying it out, or uses another layout",
                std::move(busy));
}

Result<LockInfo> LockFile::look(const std::string& path) {
  Result<os::File> file = os::File::open(path, os::FileAccess::kRead);
  if (!file) return file.error();
  std::array<std::byte, 4096> beginning;
  const Result<std::size_t> length = file->read(0, beginning);
  if (!length) return length.error();
  if (!may_be_formatted(std::span(beginning).first(*length))) return not_a_queue_file(path);
  const Result<std::uint64_t> size = file->size();
  if (!size) return size.error();
  if (*size < queue_file_size()) return LockInfo();
  Result<std::uint64_t> identity = identity_of(*file);
  if (!identity) return identity.error();
  Result<os::Mapping> mapping = os::Mapping::map(*file, queue_file_size(), os::Protection::kRead);
  if (!mapping) return mapping.error();
  os::ByteLocks probe(std::move(*file));
  return lock::look({.bytes = mapping->bytes(),
                     .probe = probe,
                     .open_byte = kOpenByte,
                     .first_member_byte = kFirstMemberByte},
                    valid(mapping->bytes(), *identity));
}

}  // namespace tidelock::lock
