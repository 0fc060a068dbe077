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
  explicit Stops(const Settings& settings);

  void begin(std::uint64_t start_ns) noexcept;
  // When there is something to do again; UINT64_MAX: never, or not yet.
  [[nodiscard]] std::uint64_t due_ns() const noexcept;
  // When it is due: stops one of the clients, or lets the one go on that is stopped. `clients` are
  // those that live.
  void act(std::span<const pid_t> clients, std::uint64_t now_ns, Random& random);
  void let_go_on(std::span<const pid_t> clients);
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  const std::uint64_t period_ns_;  // 0: nobody is stopped
  const std::uint64_t duration_ns_;
  std::uint64_t next_ns_ = UINT64_MAX;
  std::uint64_t end_ns_ = 0;
  pid_t stopped_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace tidelock::agent
