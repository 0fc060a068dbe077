#include "agent/stops.h"

#include <signal.h>

#include <algorithm>

#include "agent/clock.h"

namespace tidelock::agent {

Stops::Stops(const Settings& settings)
    : period_ns_(in_ns(settings.stop_every)), duration_ns_(in_ns(settings.stop_for)) {}

void Stops::begin(std::uint64_t start_ns) noexcept {
  if (period_ns_ != 0) next_ns_ = start_ns + period_ns_;
}

std::uint64_t Stops::due_ns() const noexcept {
  return stopped_ != 0 ? end_ns_ : next_ns_;
}

void Stops::act(std::span<const pid_t> clients, std::uint64_t now_ns, Random& random) {
  if (stopped_ != 0) return let_go_on(clients);
  next_ns_ = std::max(next_ns_ + period_ns_, now_ns);
  if (clients.empty()) return;
  stopped_ = clients[random.below(static_cast<std::uint32_t>(clients.size()))];
  end_ns_ = now_ns + duration_ns_;
  ++count_;
  ::kill(stopped_, SIGSTOP);
}

void Stops::let_go_on(std::span<const pid_t> clients) {
  const bool lives = std::find(clients.begin(), clients.end(), stopped_) != clients.end();
  if (stopped_ != 0 && lives) ::kill(stopped_, SIGCONT);
  stopped_ = 0;
}

}  // namespace tidelock::agent
