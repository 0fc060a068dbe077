#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "lockd/keeper.h"
#include "lockd/process_handle.h"
#include "tidelock/lock_queue.h"

namespace tidelock::lockd {

// Learns at once when a member of one database dies, and gets the queue moving. A pidfd only says
// when to look; whether somebody is dead the kernel says, by the byte he held, when `Db::relieve`
// asks. Members that no pidfd can be had for are covered by asking often. One thread.
class DeathWatch {
 public:
  // `epoll` is told of pidfds with `tag` in the upper half of their data.
  DeathWatch(Keeper& keeper, Log& log, int epoll, std::uint32_t tag);
  ~DeathWatch();
  DeathWatch(const DeathWatch&) = delete;
  DeathWatch& operator=(const DeathWatch&) = delete;

  // Compares who is watched with who is attached.
  void refresh(const LockInfo& info);
  // The pidfd with this in the lower half of its data has become readable.
  void on_event(std::uint32_t slot);
  // Asks whether the holder lives.
  void probe();
  // The database was closed.
  void forget_all();
  // Whether somebody is attached whose death is noticed by asking alone.
  [[nodiscard]] bool must_probe() const { return unwatched_ != 0; }

 private:
  struct Watched {
    std::uint64_t nonce = 0;
    std::int32_t pid = 0;
    std::optional<ProcessHandle> process{};  // empty: no pidfd
  };

  void watch(const LockMember& member);
  void forget(std::map<std::uint32_t, Watched>::iterator at);
  void note_death(const LockMember& member);

  Keeper& keeper_;
  Log& log_;
  const int epoll_;
  const std::uint32_t tag_;
  std::map<std::uint32_t, Watched> members_;     // by slot
  std::map<std::uint32_t, std::uint64_t> dead_;  // nonces of the dead, by slot
  std::size_t unwatched_ = 0;
  bool begun_ = false;  // the list was read since the database was opened
};

}  // namespace tidelock::lockd
