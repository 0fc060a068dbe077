#pragma once

#include <chrono>

#include "os/clock.h"

namespace tidelock::lsm {

// How long a job waits for other processes: before its work, when it can still be left to somebody
// else, and after it, when giving up would waste it.
class Patience {
 public:
  // One deadline for all of it: somebody waits for the job.
  [[nodiscard]] static Patience until(const os::Deadline& deadline) { return Patience(deadline); }
  // Anew at each wait: nobody does.
  [[nodiscard]] static Patience each(std::chrono::milliseconds begin,
                                     std::chrono::milliseconds install) {
    return Patience(begin, install);
  }

  [[nodiscard]] os::Deadline to_begin() const { return anew_ ? os::Deadline::after(begin_) : all_; }
  [[nodiscard]] os::Deadline to_install() const {
    return anew_ ? os::Deadline::after(install_) : all_;
  }

 private:
  explicit Patience(const os::Deadline& deadline) : all_(deadline) {}
  Patience(std::chrono::milliseconds begin, std::chrono::milliseconds install)
      : anew_(true), begin_(begin), install_(install) {}

  bool anew_ = false;
  os::Deadline all_ = os::Deadline::never();
  std::chrono::milliseconds begin_{0};
  std::chrono::milliseconds install_{0};
};

}  // namespace tidelock::lsm
