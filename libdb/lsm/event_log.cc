#include "lsm/event_log.h"

#include <fcntl.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>
#include <utility>

#include "os/directory.h"
#include "os/process.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

constexpr off_t kSizeMax = off_t{8} << 20;

class AppendingSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  AppendingSink(std::string path, const os::FileOwnership& ownership)
      : path_(std::move(path)), ownership_(ownership) {
    reopen();
  }
  ~AppendingSink() override {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    struct stat facts {};
    if (descriptor_ >= 0 && ::fstat(descriptor_, &facts) == 0 &&
        (facts.st_nlink == 0 || facts.st_size > kSizeMax)) {
      if (facts.st_nlink != 0) (void)os::rename_file(path_, path_ + ".old");
      reopen();
    }
    if (descriptor_ >= 0) (void)!::write(descriptor_, line.data(), line.size());
  }
  void flush_() override {}

 private:
  void reopen() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    // Made like every other file, so that mode and group are right; then opened for appending.
    if (!os::file_exists(path_)) (void)os::File::create(path_, ownership_).status();
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor_ >= 0 && descriptor_ <= 2) {
      ::close(std::exchange(descriptor_, ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 3)));
    }
  }

  std::string path_;
  os::FileOwnership ownership_;
  int descriptor_ = -1;
};

}  // namespace

EventLog::EventLog() = default;

EventLog::EventLog(const std::string& directory, const os::FileOwnership& ownership,
                   const std::string& label) {
  auto sink = std::make_shared<AppendingSink>(directory + "/" + state::kEventLogName, ownership);
  logger_ = std::make_shared<spdlog::logger>("tidelock", std::move(sink));
  logger_->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z " + label + "[" + std::to_string(os::process_id()) +
                       "] %v");
}

EventLog::~EventLog() = default;

void EventLog::note(const std::string& event) {
  if (logger_ != nullptr) logger_->info("{}", event);
}

}  // namespace tidelock::lsm
