#include "lockd/death_watch.h"

#include <sys/epoll.h>

#include <set>
#include <utility>

namespace tidelock::lockd {

DeathWatch::DeathWatch(Keeper& keeper, Log& log, int epoll, std::uint32_t tag)
    : keeper_(keeper), log_(log), epoll_(epoll), tag_(tag) {}

DeathWatch::~DeathWatch() {
  forget_all();
}

void DeathWatch::forget_all() {
  while (!members_.empty()) forget(members_.begin());
  dead_.clear();
  begun_ = false;
}

void DeathWatch::forget(std::map<std::uint32_t, Watched>::iterator at) {
  if (at->second.process) {
    (void)::epoll_ctl(epoll_, EPOLL_CTL_DEL, at->second.process->fd(), nullptr);
  } else {
    --unwatched_;
  }
  members_.erase(at);
}

// Members are told from one another by slot and nonce. One that is dead and still listed died
// without closing; the next to attach in its slot takes it off the list.
void DeathWatch::refresh(const LockInfo& info) {
  std::set<std::uint32_t> listed;
  bool somebody_died = false;
  for (const LockMember& member : info.members) {
    listed.insert(member.slot);
    const auto known = members_.find(member.slot);
    const bool same = known != members_.end() && known->second.nonce == member.nonce;
    if (known != members_.end() && (!same || !member.alive)) forget(known);
    if (!member.alive && dead_[member.slot] != member.nonce) {
      dead_[member.slot] = member.nonce;
      somebody_died = true;
      // Who was dead when the watch began died before it.
      if (begun_) note_death(member);
    }
    if (!same && member.alive) watch(member);
  }
  for (auto at = members_.begin(); at != members_.end();) {
    const auto next = std::next(at);
    if (!listed.contains(at->first)) forget(at);
    at = next;
  }
  begun_ = true;
  if (somebody_died) probe();
}

void DeathWatch::watch(const LockMember& member) {
  ProcessHandle::Doubt doubt{};
  Watched watched{.nonce = member.nonce, .pid = member.pid};
  watched.process = ProcessHandle::of(member, doubt);
  if (watched.process) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = std::uint64_t{tag_} << 32 | member.slot;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, watched.process->fd(), &event) != 0) {
      watched.process.reset();
    }
  }
  if (!watched.process) ++unwatched_;
  members_.emplace(member.slot, std::move(watched));
  if (doubt == ProcessHandle::Doubt::kGone) probe();
}

void DeathWatch::on_event(std::uint32_t slot) {
  probe();
  const auto at = members_.find(slot);
  if (at == members_.end() || !at->second.process) return;
  // Until the next look at the list it counts as one to be asked about: what it held may outlive
  // it in a process that shares its open files.
  (void)::epoll_ctl(epoll_, EPOLL_CTL_DEL, at->second.process->fd(), nullptr);
  at->second.process.reset();
  ++unwatched_;
}

void DeathWatch::probe() {
  const std::shared_ptr<Db> database = keeper_.database();
  if (database == nullptr) return;
  const Result<bool> recovered = database->relieve();
  if (!recovered) {
    if (recovered.error().code() != StatusCode::kClosed) {
      log_.warning("cannot finish what a dead holder left",
                   {{"database", keeper_.directory()}, {"cause", recovered.error().to_string()}});
    }
    return;
  }
  if (!*recovered) return;
  keeper_.counts().recoveries.fetch_add(1, std::memory_order_relaxed);
  log_.info("recovered the lock of a dead holder", {{"database", keeper_.directory()}});
}

void DeathWatch::note_death(const LockMember& member) {
  keeper_.counts().deaths.fetch_add(1, std::memory_order_relaxed);
  log_.info("a member died", {{"database", keeper_.directory()},
                              {"pid", member.pid},
                              {"label", member.label},
                              {"slot", member.slot}});
}

}  // namespace tidelock::lockd
