#include "cli/dump_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace tidelock::cli {
namespace {

constexpr mode_t kMode = 0666;  // as the umask says

// Where the name leads: to replace a link would leave the file behind it as it was.
std::string follow(const std::string& name) {
  std::error_code error;
  const auto target = std::filesystem::canonical(name, error);
  return error ? name : target.string();
}

}  // namespace

DumpFile::DumpFile(const std::string& name) : name_("standard output"), file_(stdout) {
  if (name == "-") return;
  name_ = follow(name);
  struct stat old {};
  const bool exists = ::stat(name_.c_str(), &old) == 0;
  if (exists && !S_ISREG(old.st_mode)) {
    file_ = std::fopen(name_.c_str(), "we");
    return;
  }
  partial_ = name_ + "." + std::to_string(::getpid()) + ".partial";
  const int fd = ::open(partial_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode);
  file_ = fd < 0 ? nullptr : ::fdopen(fd, "w");
  if (file_ != nullptr && exists) (void)::fchmod(fd, old.st_mode & 0777);
}

DumpFile::~DumpFile() {
  if (file_ == nullptr || file_ == stdout) return;
  std::fclose(file_);
  if (!partial_.empty()) ::unlink(partial_.c_str());
}

Status DumpFile::opened() const {
  return file_ != nullptr ? Status() : failure("open", partial_.empty() ? name_ : partial_);
}

Status DumpFile::write(std::string& lines) {
  const bool written = std::fwrite(lines.data(), 1, lines.size(), file_) == lines.size();
  lines.clear();
  return written ? Status() : failure("write", name_);
}

Status DumpFile::finish() {
  if (std::fflush(file_) != 0) return failure("write", name_);
  if (partial_.empty()) return Status();
  if (::fsync(::fileno(file_)) != 0) return failure("sync", partial_);
  if (::rename(partial_.c_str(), name_.c_str()) != 0) return failure("rename to", name_);
  partial_.clear();
  return Status();
}

Status DumpFile::failure(const std::string& operation, const std::string& name) const {
  return Status(StatusCode::kIo, operation + " " + name + ": " + std::strerror(errno));
}

}  // namespace tidelock::cli
