#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>

#include "agent/random.h"
#include "agent/settings.h"

namespace tidelock::agent {

// Stops a client now and then for a while, as a debugger, a job control or a starved machine does.
class Stops {
 public:
  Stops(const Settings& settings, std::uint64_t start_ns);

  // When there is something to do again; UINT64_MAX: never.
  [[nodiscard]] std::uint64_t due_ns() const noexcept;
  // Stops one of these, or lets the one go on that is stopped, if that is due.
  void act(std::span<const pid_t> clients, std::uint64_t now_ns, Random& random);
  void let_all_go_on();
  void forget(pid_t ended) noexcept {
    if (stopped_ == ended) stopped_ = 0;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  const std::uint64_t period_ns_;  // 0: nobody is stopped
  const std::uint64_t duration_ns_;
  std::uint64_t next_ns_;
  std::uint64_t end_ns_ = 0;
  pid_t stopped_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace tidelock::agent
