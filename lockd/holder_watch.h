#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "lockd/keeper.h"
#include "lockd/settings.h"
#include "tidelock/lock_queue.h"

namespace tidelock::lockd {

// Looks at who holds a database's lock, by its own clock: warns once of each turn that lasts too
// long, and kills, if told to, a holder that was found stopped at every look for long enough, or
// says once why it cannot. A running holder is only ever warned of. One thread.
class HolderWatch {
 public:
  HolderWatch(Keeper& keeper, Log& log) : keeper_(keeper), log_(log) {}

  void look(const LockInfo& info, const Settings& settings);
  void forget() { turn_.reset(); }

 private:
  using Clock = std::chrono::steady_clock;

  // One holding of the lock, told from the same member's next one by the number of its turns.
  struct Turn {
    LockMember holder;
    Clock::time_point seen_first;
    std::optional<Clock::time_point> stopped_since{};
    bool warned = false;
    bool given_up = false;
  };

  void warn(Turn& turn, const LockInfo& info);
  void look_at_stopped(Turn& turn, std::chrono::milliseconds limit);
  void kill_if_certain(Turn& turn);
  void give_up(Turn& turn, const char* cause);
  [[nodiscard]] bool still_holds(const LockMember& holder);

  Keeper& keeper_;
  Log& log_;
  std::optional<Turn> turn_;
};

}  // namespace tidelock::lockd
