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

}  // namespace tidelock::lsm
