#pragma once

#include <memory>
#include <string>

#include "os/file.h"

namespace spdlog {
class logger;
}

namespace tidelock::lsm {

// The human-readable file LOG: what was flushed, compacted, recovered, and by whom. Each line is
// one append, so lines of several processes do not mix. At 8 MiB it is moved to LOG.old. Trouble
// with it is never trouble of the database.
class EventLog {
 public:
  // Silent.
  EventLog();
  EventLog(const std::string& directory, const os::FileOwnership& ownership,
           const std::string& label);
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  void note(const std::string& event);

 private:
  std::shared_ptr<spdlog::logger> logger_;  // null: silent
};

}  // namespace tidelock::lsm
