#include "lsm/place.h"

#include "os/directory.h"

namespace tidelock::lsm {

Status check_place(const Context& context) {
  const os::File& lock_file = context.locks->file();
  Result<os::FileIdentity> attached = lock_file.identity();
  if (!attached) return attached.error();
  Result<os::FileIdentity> there = os::path_identity(lock_file.path());
  if (there && *there == *attached) return {};
  if (!there && there.error().code() != StatusCode::kNotFound) return there.error();
  return another_database(context);
}

Status another_database(const Context& context) {
  return Status(StatusCode::kIo, "use " + context.directory +
                                     ": the directory was moved, removed or replaced while open");
}

Status file_gone(const Status& status) {
  if (status.code() != StatusCode::kNotFound) return status;
  return Status(StatusCode::kCorruption, status.message() + " (a file of the database is gone)");
}

Status as_attached(const Context& context, const Status& status) {
  if (status.code() != StatusCode::kNotFound) return status;
  Status place = check_place(context);
  return place.ok() ? file_gone(status) : place;
}

}  // namespace tidelock::lsm
