#pragma once

#include <algorithm>
#include <cstdint>

#include "agent/clock.h"
#include "agent/run_state.h"

namespace tidelock::agent {

// Times one call into the library, from here to `finish` or the end of the scope. Meanwhile others
// can see since when the writer is in it, so that one which never comes back is noticed, too.
class CallTimer {
 public:
  explicit CallTimer(WriterStats& stats) : stats_(stats), begin_ns_(now_ns()) {
    stats_.call_began_ns.set(begin_ns_);
  }
  ~CallTimer() {
    if (!finished_) (void)finish();
  }
  CallTimer(const CallTimer&) = delete;
  CallTimer& operator=(const CallTimer&) = delete;

  [[nodiscard]] std::uint64_t begin_ns() const noexcept { return begin_ns_; }
  // When it ended: now.
  std::uint64_t finish() noexcept {
    const std::uint64_t end_ns = now_ns();
    finished_ = true;
    stats_.call_began_ns.set(0);
    stats_.longest_call.set(std::max(stats_.longest_call.get(), end_ns - begin_ns_));
    return end_ns;
  }

 private:
  WriterStats& stats_;
  const std::uint64_t begin_ns_;
  bool finished_ = false;
};

}  // namespace tidelock::agent
