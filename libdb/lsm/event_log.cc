#include "lsm/event_log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <mutex>
#include <utility>

#include "os/append_file.h"
#include "os/directory.h"
#include "os/process.h"
#include "state/file_names.h"

namespace tidelock::lsm {

namespace {

constexpr std::uint64_t kSizeMax = std::uint64_t{8} << 20;

class AppendingSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  AppendingSink(std::string path, const os::FileOwnership& ownership)
      : path_(std::move(path)), ownership_(ownership) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    // Opened for each line: events are rare, and the file may have been moved away by another.
    Result<os::AppendFile> file = os::AppendFile::open(path_, ownership_);
    if (!file) return;
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    (void)file->append({line.data(), line.size()});
    const Result<std::uint64_t> size = file->size();
    if (size && *size > kSizeMax) (void)os::rename_file(path_, path_ + ".old");
  }
  void flush_() override {}

 private:
  std::string path_;
  os::FileOwnership ownership_;
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
