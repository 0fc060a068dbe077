#include "agent/stops.h"

#include <signal.h>

#include <algorithm>

#include "agent/clock.h"

namespace tidelock::agent {

Stops::Stops(const Settings& settings, std::uint64_t start_ns)
    : period_ns_(in_ns(settings.stop_every)),
      duration_ns_(in_ns(settings.stop_for)),
      next_ns_(start_ns + period_ns_) {}

std::uint64_t Stops::due_ns() const noexcept {
  if (stopped_ != 0) return end_ns_;
  return period_ns_ == 0 ? UINT64_MAX : next_ns_;
}

void Stops::act(std::span<const pid_t> clients, std::uint64_t now_ns, Random& random) {
  if (now_ns < due_ns()) return;
  if (stopped_ != 0) return let_all_go_on();
  next_ns_ = std::max(next_ns_ + period_ns_, now_ns);
  if (clients.empty()) return;
  stopped_ = clients[random.below(static_cast<std::uint32_t>(clients.size()))];
  end_ns_ = now_ns + duration_ns_;
  ++count_;
  ::kill(stopped_, SIGSTOP);
}

void Stops::let_all_go_on() {
  if (stopped_ != 0) ::kill(stopped_, SIGCONT);
  stopped_ = 0;
}

}  // namespace tidelock::agent
