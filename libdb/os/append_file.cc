#include "os/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "os/error.h"
#include "os/system_call.h"

namespace tidelock::os {

Result<AppendFile> AppendFile::open(const std::string& path, const FileOwnership& ownership) {
  Result<File> file = File::create(path, ownership);
  if (!file && file.error().code() == StatusCode::kExists) {
    file = File::open(path, FileAccess::kReadWrite);
  }
  if (!file) return file.error();
  if (::fcntl(file->descriptor(), F_SETFL, O_APPEND) != 0) {
    return error_status(errno, "append to", path);
  }
  return AppendFile(std::move(*file));
}

Status AppendFile::append(std::string_view line) {
  const SystemCallEvent event{
      .call = SystemCall::kWrite, .path = file_.path(), .length = line.size()};
  if (perform(event, [&] { return ::write(file_.descriptor(), line.data(), line.size()); }) < 0) {
    return error_status(errno, "write", file_.path());
  }
  return {};
}

}  // namespace tidelock::os
