#include "lockd/holder_watch.h"

#include <memory>

#include "lockd/process_handle.h"

namespace tidelock::lockd {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

bool is_same_turn(const LockMember& one, const LockMember& other) {
  return one.slot == other.slot && one.generation == other.generation && one.nonce == other.nonce &&
         one.pid == other.pid && one.acquired == other.acquired;
}

bool is_held_by_the_living(const LockInfo& info) {
  return info.word == LockInfo::Word::kHeld && info.holder && info.holder->alive;
}

}  // namespace

void HolderWatch::look(const LockInfo& info, const Settings& settings) {
  if (!is_held_by_the_living(info)) {
    turn_.reset();
    return;
  }
  if (!turn_ || !is_same_turn(turn_->holder, *info.holder)) {
    turn_ = Turn{.holder = *info.holder, .seen_first = Clock::now()};
    return;
  }
  turn_->holder = *info.holder;
  const auto limit = settings.warn_held_after;
  const bool long_held = Clock::now() - turn_->seen_first >= limit;
  if (limit.count() != 0 && long_held && !turn_->warned) warn(*turn_, info);
  if (settings.kill_stuck_after) look_at_stopped(*turn_, *settings.kill_stuck_after);
}

void HolderWatch::warn(Turn& turn, const LockInfo& info) {
  turn.warned = true;
  keeper_.counts().warnings.fetch_add(1, std::memory_order_relaxed);
  const auto held = duration_cast<milliseconds>(Clock::now() - turn.seen_first);
  ProcessHandle::Doubt doubt{};
  const auto process = ProcessHandle::of(turn.holder, doubt);
  const char* const state = !process ? "unknown" : process->is_stopped() ? "stopped" : "running";
  log_.warning("the lock is held for long", {{"database", keeper_.directory()},
                                             {"pid", turn.holder.pid},
                                             {"label", turn.holder.label},
                                             {"process", state},
                                             {"held_ms", held.count()},
                                             {"waiters", info.waiters.size()}});
}

void HolderWatch::look_at_stopped(Turn& turn, milliseconds limit) {
  if (turn.given_up) return;
  ProcessHandle::Doubt doubt{};
  const auto process = ProcessHandle::of(turn.holder, doubt);
  if (!process || !process->is_stopped()) {
    turn.stopped_since.reset();
    return;
  }
  if (!turn.stopped_since) turn.stopped_since = Clock::now();
  if (Clock::now() - *turn.stopped_since >= limit) kill_if_certain(turn);
}

// The pidfd first: whatever is found out afterwards is about the process it will signal. Then that
// it is the member's process, and itself has the member's byte locked; that the member still holds
// the lock, in this very turn; and last that it is still stopped.
void HolderWatch::kill_if_certain(Turn& turn) {
  ProcessHandle::Doubt doubt{};
  const auto process = ProcessHandle::of(turn.holder, doubt);
  if (!process) return;
  const bool certain = process->holds_byte(keeper_.directory() + "/LOCK", turn.holder.byte);
  if (!still_holds(turn.holder) || !process->is_stopped()) return;
  if (!certain) {
    give_up(turn, "the kernel does not show that it has its byte locked");
    return;
  }
  if (!process->kill()) {
    give_up(turn, "not permitted");
    return;
  }
  keeper_.counts().kills.fetch_add(1, std::memory_order_relaxed);
  log_.warning(
      "killed a stopped holder",
      {{"database", keeper_.directory()}, {"pid", turn.holder.pid}, {"label", turn.holder.label}});
  turn_.reset();
}

void HolderWatch::give_up(Turn& turn, const char* cause) {
  turn.given_up = true;
  log_.warning("leaves a stopped holder alone", {{"database", keeper_.directory()},
                                                 {"pid", turn.holder.pid},
                                                 {"label", turn.holder.label},
                                                 {"cause", cause}});
}

bool HolderWatch::still_holds(const LockMember& holder) {
  const std::shared_ptr<Db> database = keeper_.database();
  if (database == nullptr) return false;
  const Result<LockInfo> now = database->lock_info();
  return now && is_held_by_the_living(*now) && is_same_turn(holder, *now->holder);
}

}  // namespace tidelock::lockd
