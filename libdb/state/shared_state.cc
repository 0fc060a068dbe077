#include "state/shared_state.h"

#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "os/directory.h"
#include "os/error.h"
#include "os/process.h"
#include "state/file_names.h"

namespace tidelock::state {

namespace {

std::string state_path(const std::string& directory) {
  return directory + "/" + kStateName;
}

Status unfit(const std::string& path, const char* reason) {
  return Status(StatusCode::kUnsupported, "attach to " + path + ": " + reason);
}

Result<os::File> open_or_create(const std::string& path, const os::FileOwnership& ownership) {
  Result<os::File> file = os::File::open(path, os::FileAccess::kReadWrite);
  if (file) {
    Result<std::uint64_t> links = file->link_count();
    if (!links) return links.error();
    // Of another directory, whose processes exclude each other, but not these.
    if (*links > 1) return os::error_status(EMLINK, "open", path);
    Result<std::uint64_t> size = file->size();
    if (!size) return size.error();
    if (*size == kFileSize) return file;
    // Another release's layout. It may still be mapped by readers, so it is replaced, not resized.
    if (Status status = os::unlink_file(path); !status.ok()) return status;
  } else if (file.error().code() != StatusCode::kNotFound) {
    return file;
  }
  if (Status status = os::File::make(path, ownership); !status.ok()) return status;
  return os::File::open(path, os::FileAccess::kReadWrite);
}

}  // namespace

SharedState::SharedState(os::Mapping mapping, std::string path, os::FileIdentity identity)
    : mapping_(std::move(mapping)), path_(std::move(path)), identity_(identity) {}

Result<std::unique_ptr<SharedState>> SharedState::map(const std::string& directory,
                                                      os::Protection protection) {
  const std::string path = state_path(directory);
  Result<os::File> file =
      os::File::open(path, protection == os::Protection::kRead ? os::FileAccess::kRead
                                                               : os::FileAccess::kReadWrite);
  if (!file) return file.error();
  Result<std::uint64_t> size = file->size();
  if (!size) return size.error();
  if (*size != kFileSize) {
    return Status(StatusCode::kCorruption, "attach to " + path + ": its size is another layout's");
  }
  Result<os::FileIdentity> identity = file->identity();
  if (!identity) return identity.error();
  Result<os::Mapping> mapping = os::Mapping::map(*file, kFileSize, protection);
  if (!mapping) return mapping.error();
  return std::unique_ptr<SharedState>(new SharedState(std::move(*mapping), path, *identity));
}

Result<std::unique_ptr<SharedState>> SharedState::map_or_create(
    const std::string& directory, const os::FileOwnership& ownership) {
  const std::string path = state_path(directory);
  Result<os::File> file = open_or_create(path, ownership);
  if (!file) return file.error();
  if (Status status = file->reserve_for_stores(kFileSize); !status.ok()) return status;
  return map(directory, os::Protection::kReadWrite);
}

Status SharedState::validate(const Uuid& uuid, MountCheck mount_check) const {
  const Header& header = layout()->header;
  // Pairs with the release in finish_rebuild.
  if (header.magic.load(std::memory_order_acquire) != kMagic) {
    return unfit(path_, "it is not complete");
  }
  if (header.layout_hash != kLayoutHash) return unfit(path_, "its layout is another release's");
  if (header.device != identity_.device || header.inode != identity_.inode) {
    return unfit(path_, "it is a copy");
  }
  if (header.uuid[0] != uuid[0] || header.uuid[1] != uuid[1]) {
    return unfit(path_, "it belongs to another database");
  }
  Result<std::uint64_t> boot = os::boot_identity();
  if (!boot) return boot.error();
  if (header.boot != *boot) return unfit(path_, "it is from before a reboot");
  if (mount_check == MountCheck::kSameMount) {
    Result<std::uint64_t> mount = os::mount_identity(path_);
    if (!mount) return mount.error();
    if (header.mount != *mount) return unfit(path_, "its file system was mounted anew");
  }
  return {};
}

void SharedState::begin_rebuild() noexcept {
  Layout* const shared = layout();
  // A reader that saw any of the zeroes below also finds the magic gone when it checks again: the
  // fence keeps them behind the magic. Pairs with the acquire of what he read, before is_epoch.
  shared->header.magic.store(0, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  std::memset(mapping_.bytes().data() + sizeof(shared->header.magic), 0,
              kFileSize - sizeof(shared->header.magic));
}

Status SharedState::finish_rebuild(const Uuid& uuid, std::uint64_t queue_nonce) {
  Result<std::uint64_t> boot = os::boot_identity();
  if (!boot) return boot.error();
  Result<std::uint64_t> mount = os::mount_identity(path_);
  if (!mount) return mount.error();
  Header& header = layout()->header;
  header.layout_hash = kLayoutHash;
  header.epoch = os::random_u64();
  header.boot = *boot;
  header.mount = *mount;
  header.device = identity_.device;
  header.inode = identity_.inode;
  header.uuid[0] = uuid[0];
  header.uuid[1] = uuid[1];
  header.queue_nonce = queue_nonce;
  header.magic.store(kMagic, std::memory_order_release);  // pairs with the acquire in validate
  return {};
}

bool SharedState::is_epoch(std::uint64_t epoch) const noexcept {
  const Header& header = layout()->header;
  return header.magic.load(std::memory_order_acquire) == kMagic && header.epoch == epoch;
}

bool SharedState::of_another_release() const noexcept {
  const Header& header = layout()->header;
  // Pairs with the release in finish_rebuild.
  return header.magic.load(std::memory_order_acquire) == kMagic &&
         header.layout_hash != kLayoutHash;
}

bool SharedState::replaced() const {
  Result<os::FileIdentity> identity = os::path_identity(path_);
  if (!identity || !(*identity == identity_)) return true;
  // On an overlay the first to write gets a copy of the lower layer's file, with its inode number.
  // What others had mapped before shows the lower file for ever; what they open now, the copy.
  Result<os::File> file = os::File::open(path_, os::FileAccess::kRead);
  std::uint64_t start[sizeof(Header) / 8];
  if (!file || !file->read_exact(0, std::as_writable_bytes(std::span(start))).ok()) return false;
  return std::memcmp(start, mapping_.bytes().data(), sizeof start) != 0;
}

}  // namespace tidelock::state
