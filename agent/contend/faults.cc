#include "agent/contend/faults.h"

#include <algorithm>

#include "agent/clock.h"

namespace tidelock::agent::contend {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kPatience = 20'000 * kMillisecond;       // until anybody gets the lock
constexpr std::uint64_t kPatienceForAll = 2'000 * kMillisecond;  // until all have had it
constexpr std::uint64_t kHolderStoppedFor = 100 * kMillisecond;
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
  const std::optional<std::uint32_t> lane = give(Order::kDie);
  if (!lane) return std::nullopt;
  crew_.await_death(*lane);
  auto figures = after_holder(*lane, arena_.control().fault_ns.load());
  if (!figures || !crew_.replace(*lane)) return std::nullopt;
  return figures;
}

std::optional<FaultFigures> FaultMaker::stop_holder() {
  const std::optional<std::uint32_t> lane = give(Order::kStop);
  if (!lane) return std::nullopt;
  crew_.await_stop(*lane);
  crew_.rest_until(now_ns() + kHolderStoppedFor);
  const std::uint64_t resumed = now_ns();
  crew_.resume(*lane);
  return after_holder(*lane, resumed);
}

std::optional<FaultFigures> FaultMaker::kill_waiter() {
  const std::optional<Bystanders> who = hold_until_all_wait();
  if (!who) return std::nullopt;
  crew_.kill(who->victim);
  arena_.presences()[who->victim].waiting_since_ns.store(0);
  if (!let_go()) return std::nullopt;
  await_others(*who);
  const FaultFigures figures{
      .recovery = ms(arena_.guarded().longest_standstill_ns.load(), 0),
      .longest_wait = longest_wait_ms(*who, arena_.control().fault_ns.load())};
  if (!crew_.replace(who->victim)) return std::nullopt;
  return figures;
}

std::optional<FaultFigures> FaultMaker::stop_waiter() {
  const std::optional<Bystanders> who = hold_until_all_wait();
  if (!who) return std::nullopt;
  crew_.stop(who->victim);
  if (!let_go()) return std::nullopt;
  await_others(*who);
  const std::uint64_t resumed = now_ns();
  FaultFigures figures{.recovery = ms(arena_.guarded().longest_standstill_ns.load(), 0),
                       .longest_wait = longest_wait_ms(*who, arena_.control().fault_ns.load())};
  crew_.resume(who->victim);
  const auto own = [&] { return has_had_turn(who->victim); };
  const bool had = crew_.await(own, resumed + kPatienceForAll);
  if (!crew_.well()) return std::nullopt;
  const std::uint64_t turn = had ? arena_.presences()[who->victim].first_entry_ns.load() : now_ns();
  figures.own_turn = ms(turn, resumed);
  return figures;
}

std::optional<FaultFigures> FaultMaker::after_holder(std::uint32_t lane, std::uint64_t since_ns) {
  std::uint64_t next = UINT64_MAX;
  const auto anybody = [&] {
    for (std::uint32_t other = 0; other < arena_.presences().size(); ++other) {
      if (!has_had_turn(other)) continue;
      next = std::min(next, arena_.presences()[other].first_entry_ns.load());
    }
    return next != UINT64_MAX;
  };
  if (!crew_.await(anybody, now_ns() + kPatience)) {
    report_stuck("its holder was killed or stopped");
    return std::nullopt;
  }
  const Bystanders who{.victim = lane, .holder = lane};
  await_others(who);
  (void)anybody();
  return FaultFigures{.recovery = ms(next, since_ns),
                      .longest_wait = longest_wait_ms(who, since_ns)};
}

std::optional<std::uint32_t> FaultMaker::give(Order order) {
  Control& control = arena_.control();
  control.holding.store(false);
  control.let_go.store(false);
  control.order.store(static_cast<std::uint64_t>(order));
  // Pairs with the releases in Contender::obey and begin_episode.
  const auto begun = [&] {
    return order == Order::kHold ? control.holding.load(std::memory_order_acquire)
                                 : control.episode.load(std::memory_order_acquire) > episode_;
  };
  if (!crew_.await(begun, now_ns() + kPatience)) {
    report_stuck("all were at work");
    return std::nullopt;
  }
  if (order != Order::kHold) ++episode_;
  return static_cast<std::uint32_t>(control.performer.load());
}

std::optional<FaultMaker::Bystanders> FaultMaker::hold_until_all_wait() {
  const std::optional<std::uint32_t> holder = give(Order::kHold);
  if (!holder) return std::nullopt;
  Bystanders who{.holder = *holder};
  const auto all_wait = [&] {
    std::uint64_t first = UINT64_MAX;
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
  if (!crew_.await(all_wait, now_ns() + kPatience)) {
    if (crew_.well()) {
      arena_.report_failure(
          Status(StatusCode::kTimedOut, "the lock is held, and not all others came to wait"));
    }
    return std::nullopt;
  }
  return who;
}

bool FaultMaker::let_go() {
  Control& control = arena_.control();
  control.let_go.store(true);
  const auto begun = [&] { return control.episode.load(std::memory_order_acquire) > episode_; };
  if (!crew_.await(begun, now_ns() + kPatience)) return false;
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

void FaultMaker::await_others(const Bystanders& who) {
  (void)crew_.await([&] { return others_have_had_turn(who); }, now_ns() + kPatienceForAll);
}

double FaultMaker::longest_wait_ms(const Bystanders& who, std::uint64_t since_ns) const noexcept {
  double longest = 0;
  const std::uint64_t now = now_ns();
  for (std::uint32_t lane = 0; lane < arena_.presences().size(); ++lane) {
    if (lane == who.victim || lane == who.holder) continue;
    const std::uint64_t turn =
        has_had_turn(lane) ? arena_.presences()[lane].first_entry_ns.load() : now;
    longest = std::max(longest, ms(turn, since_ns));
  }
  return longest;
}

void FaultMaker::report_stuck(const char* when) const {
  if (!crew_.well()) return;  // the crew knows why
  arena_.report_failure(
      Status(StatusCode::kTimedOut, std::string("nobody got the lock for 20 s when ") + when));
}

}  // namespace tidelock::agent::contend
