#include "agent/contend/faults.h"

#include <algorithm>

#include "agent/clock.h"

namespace tidelock::agent::contend {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kPatience = 20'000 * kMillisecond;  // until somebody gets the lock
constexpr std::uint64_t kStoppedFor = 100 * kMillisecond;   // a holder
// A waiter; longer if the others get by without it, and at most:
constexpr std::uint64_t kWaiterStoppedForMax = 2'000 * kMillisecond;
// Whoever has waited for this long is asleep.
constexpr std::uint64_t kAsleepAfter = 2 * kMillisecond;

double ms(std::uint64_t later, std::uint64_t earlier) noexcept {
  return later > earlier ? static_cast<double>(later - earlier) / 1e6 : 0;
}

}  // namespace

std::optional<FaultFigures> FaultMaker::make(Fault fault) {
  switch (fault) {
    case Fault::kHolderKilled:
      return kill_holder();
    case Fault::kWaiterKilled:
      return kill_waiter();
    case Fault::kHolderStopped:
      return stop_holder();
    case Fault::kWaiterStopped:
      break;
  }
  return stop_waiter();
}

std::optional<FaultFigures> FaultMaker::kill_holder() {
  const std::uint32_t lane = any_lane();
  crew_.excuse(lane);
  if (!give(Order::kDie, lane)) return std::nullopt;
  crew_.await_death(lane);
  auto figures = after_holder(lane, arena_.control().fault_ns.load());
  if (!figures || !crew_.replace(lane)) return std::nullopt;
  return figures;
}

std::optional<FaultFigures> FaultMaker::stop_holder() {
  const std::uint32_t lane = any_lane();
  if (!give(Order::kStop, lane)) return std::nullopt;
  crew_.await_stop(lane);
  (void)crew_.await([] { return false; }, now_ns() + kStoppedFor);
  const std::uint64_t resumed = now_ns();
  crew_.resume(lane);
  return after_holder(lane, resumed);
}

std::optional<FaultFigures> FaultMaker::kill_waiter() {
  const std::optional<Bystanders> who = hold_until_all_wait();
  if (!who) return std::nullopt;
  crew_.kill(who->victim);
  arena_.presences()[who->victim].waiting_since_ns.store(0);
  if (!let_go()) return std::nullopt;
  const auto served = [&] { return others_have_had_turn(*who); };
  if (!crew_.await(served, now_ns() + kPatience) && stuck("a waiter was killed")) {
    return std::nullopt;
  }
  const std::uint64_t since = arena_.control().fault_ns.load();
  const FaultFigures figures{.recovery = ms(arena_.guarded().longest_standstill_ns.load(), 0),
                             .longest_wait = longest_wait_ms(*who, since)};
  if (!crew_.replace(who->victim)) return std::nullopt;
  return figures;
}

std::optional<FaultFigures> FaultMaker::stop_waiter() {
  const std::optional<Bystanders> who = hold_until_all_wait();
  if (!who) return std::nullopt;
  crew_.stop(who->victim);
  if (!let_go()) return std::nullopt;
  const auto served = [&] { return others_have_had_turn(*who); };
  (void)crew_.await(served, now_ns() + kWaiterStoppedForMax);
  const std::uint64_t resumed = now_ns();
  crew_.resume(who->victim);
  const auto all_served = [&] { return served() && has_had_turn(who->victim); };
  if (!crew_.await(all_served, now_ns() + kPatience) && stuck("a waiter was stopped")) {
    return std::nullopt;
  }
  const std::uint64_t own = arena_.presences()[who->victim].first_entry_ns.load();
  return FaultFigures{.recovery = ms(arena_.guarded().longest_standstill_ns.load(), 0),
                      .longest_wait = longest_wait_ms(*who, arena_.control().fault_ns.load()),
                      .own_turn = ms(own, resumed)};
}

std::optional<FaultFigures> FaultMaker::after_holder(std::uint32_t lane, std::uint64_t since_ns) {
  const Bystanders who{.victim = lane, .holder = lane};
  const auto served = [&] { return others_have_had_turn(who); };
  if (!crew_.await(served, now_ns() + kPatience) && stuck("its holder was killed or stopped")) {
    return std::nullopt;
  }
  std::uint64_t next = UINT64_MAX;
  for (std::uint32_t other = 0; other < arena_.presences().size(); ++other) {
    if (other == lane) continue;
    next = std::min(next, arena_.presences()[other].first_entry_ns.load());
  }
  return FaultFigures{.recovery = ms(next, since_ns),
                      .longest_wait = longest_wait_ms(who, since_ns)};
}

std::uint32_t FaultMaker::any_lane() noexcept {
  return random_.below(static_cast<std::uint32_t>(arena_.presences().size()));
}

bool FaultMaker::give(Order order, std::uint32_t lane) {
  Control& control = arena_.control();
  control.holding.store(false);
  control.let_go.store(false);
  const std::uint64_t word = std::uint64_t{lane} << 32 | static_cast<std::uint32_t>(order);
  control.order.store(word);
  const auto begun = [&] {
    return order == Order::kHold ? control.holding.load()
                                 : control.episode.load(std::memory_order_acquire) > episode_;
  };
  if (!crew_.await(begun, now_ns() + kPatience) && stuck("a certain process was to hold it")) {
    return false;
  }
  if (order != Order::kHold) ++episode_;
  return true;
}

std::optional<FaultMaker::Bystanders> FaultMaker::hold_until_all_wait() {
  Bystanders who{.holder = any_lane()};
  if (!give(Order::kHold, who.holder)) return std::nullopt;
  std::uint64_t first = UINT64_MAX;
  const auto all_wait = [&] {
    first = UINT64_MAX;
    const std::uint64_t latest = now_ns() - kAsleepAfter;
    for (std::uint32_t lane = 0; lane < arena_.presences().size(); ++lane) {
      if (lane == who.holder) continue;
      const std::uint64_t since = arena_.presences()[lane].waiting_since_ns.load();
      if (since == 0 || since > latest) return false;
      if (since < first) who.victim = lane;
      first = std::min(first, since);
    }
    return true;
  };
  if (!crew_.await(all_wait, now_ns() + kPatience) && stuck("all were to wait for it")) {
    return std::nullopt;
  }
  return who;
}

bool FaultMaker::let_go() {
  Control& control = arena_.control();
  control.let_go.store(true);
  const auto begun = [&] { return control.episode.load(std::memory_order_acquire) > episode_; };
  if (!crew_.await(begun, now_ns() + kPatience) && stuck("its holder was to let it go")) {
    return false;
  }
  ++episode_;
  return true;
}

bool FaultMaker::has_had_turn(std::uint32_t lane) const noexcept {
  // Pairs with the release in Contender::note_entry.
  return arena_.presences()[lane].episode.load(std::memory_order_acquire) == episode_;
}

bool FaultMaker::others_have_had_turn(const Bystanders& who) const noexcept {
  for (std::uint32_t lane = 0; lane < arena_.presences().size(); ++lane) {
    if (lane != who.victim && lane != who.holder && !has_had_turn(lane)) return false;
  }
  return true;
}

double FaultMaker::longest_wait_ms(const Bystanders& who, std::uint64_t since_ns) const noexcept {
  double longest = 0;
  for (std::uint32_t lane = 0; lane < arena_.presences().size(); ++lane) {
    if (lane == who.victim || lane == who.holder) continue;
    longest = std::max(longest, ms(arena_.presences()[lane].first_entry_ns.load(), since_ns));
  }
  return longest;
}

// True, always: the crew cannot go on. Unless the crew knows why, that is the failure.
bool FaultMaker::stuck(const char* where) const {
  if (crew_.well()) {
    arena_.report_failure(Status(StatusCode::kTimedOut,
                                 std::string("nobody got the lock for 20 s when ") + where));
  }
  return true;
}

}  // namespace tidelock::agent::contend
