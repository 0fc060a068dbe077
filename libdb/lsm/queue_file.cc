#include "lsm/queue_file.h"

#include <string>

#include "lock/layout.h"
#include "state/file_names.h"

namespace tidelock::lsm {

Result<os::Mapping> map_queue(const Context& context, QueueFile which) {
  const std::string path = context.directory + "/" + state::kQueueName;
  const bool make = which == QueueFile::kMake;
  Result<os::File> file = os::File::open(path, os::FileAccess::kReadWrite);
  if (!file && make && file.error().code() == StatusCode::kNotFound) {
    file = os::File::create(path, context.ownership());
  }
  if (!file) return file.error();
  if (Status status = check_one_link(*file); !status.ok()) return status;
  if (make) {
    if (Status status = file->reserve(lock::queue_file_size()); !status.ok()) return status;
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

}  // namespace tidelock::lsm
