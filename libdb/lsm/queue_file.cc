#include "lsm/queue_file.h"

#include <string>
#include <utility>

#include "lock/layout.h"
#include "lock/sight.h"
#include "manifest/current.h"
#include "state/file_names.h"
#include "state/shared_state.h"

namespace tidelock::lsm {

namespace {

// Whether the shared state that is there would be used by the next to attach, and this queue too.
bool belongs_to_live_state(const os::Mapping& queue, const std::string& directory,
                           const manifest::Uuid& uuid) {
  const auto state = state::SharedState::map(directory, os::Protection::kRead);
  if (!state || !(*state)->validate(uuid, state::MountCheck::kSameMount).ok()) return false;
  return lock::valid(queue.bytes(), (**state)->header.queue_nonce);
}

}  // namespace

Result<os::Mapping> map_queue(const Context& context, QueueFile which) {
  const std::string path = context.directory + "/" + state::kQueueName;
  const bool make = which == QueueFile::kMake;
  Result<os::File> file = os::File::open(path, os::FileAccess::kReadWrite);
  if (!file && make && file.error().code() == StatusCode::kNotFound) {
    if (Status status = os::File::make(path, context.ownership()); !status.ok()) return status;
    file = os::File::open(path, os::FileAccess::kReadWrite);
  }
  if (!file) return file.error();
  if (Status status = check_one_link(*file); !status.ok()) return status;
  if (make) {
    if (Status status = file->reserve_for_stores(lock::queue_file_size()); !status.ok())
      return status;
  }
  return os::Mapping::map(*file, lock::queue_file_size(), os::Protection::kReadWrite);
}

Status check_one_link(const os::File& file) {
  Result<std::uint64_t> links = file.link_count();
  if (!links) return links.error();
  if (*links <= 1) return {};
  return Status(StatusCode::kUnsupported, "open " + file.path() +
                                              ": it has several hard links, so another directory "
                                              "shares this database's mutable files");
}

Result<LockInfo> look_at_queue(const std::string& directory) {
  const Result<manifest::Current> current = manifest::read_current(directory, Access::kReadOnly);
  if (!current) return current.error();
  Result<os::File> queue =
      os::File::open(directory + "/" + state::kQueueName, os::FileAccess::kRead);
  Result<os::File> lock = os::File::open(directory + "/" + state::kLockName, os::FileAccess::kRead);
  for (const Result<os::File>* file : {&queue, &lock}) {
    // Nobody has opened it since it was created, or copied.
    if (!*file && file->error().code() == StatusCode::kNotFound) return LockInfo();
    if (!*file) return file->error();
  }
  const Result<std::uint64_t> size = queue->size();
  if (!size) return size.error();
  if (*size < lock::queue_file_size()) return LockInfo();
  Result<os::Mapping> mapping =
      os::Mapping::map(*queue, lock::queue_file_size(), os::Protection::kRead);
  if (!mapping) return mapping.error();
  os::ByteLocks probe(std::move(*lock));
  return lock::look({.bytes = mapping->bytes(),
                     .probe = probe,
                     .open_byte = kOpenByte,
                     .first_member_byte = kMemberByte},
                    belongs_to_live_state(*mapping, directory, current->uuid));
}

}  // namespace tidelock::lsm
