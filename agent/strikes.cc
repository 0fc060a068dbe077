#include "agent/strikes.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "agent/clock.h"
#include "tidelock/db.h"

namespace tidelock::agent {

Strikes::Strikes(const Run& run, Crew& crew, Random& random, RunOutcome& outcome)
    : run_(run), crew_(crew), random_(random), outcome_(outcome) {}

void Strikes::begin(std::uint64_t start_ns) {
  if (run_.settings.kill_every.count() != 0) due_ns_ = start_ns + in_ns(run_.settings.kill_every);
}

void Strikes::strike() {
  const std::vector<std::uint32_t> victims = choose_victims();
  std::vector<std::uint64_t> kill_ns;
  for (const std::uint32_t slot : victims) {
    note_call(slot);
    kill_ns.push_back(now_ns());
    ::kill(crew_.pid(slot), SIGKILL);
  }
  std::vector<std::uint32_t> killed;
  for (std::size_t i = 0; i < victims.size(); ++i) {
    if (!crew_.bury(victims[i])) continue;
    outcome_.kills.push_back({.kill_ns = kill_ns[i], .reaped_ns = now_ns()});
    killed.push_back(victims[i]);
  }
  if (all_struck_ && crew_.living() == killed.size()) lose_state();
  for (const std::uint32_t slot : killed) {
    for (WriterStats& writer : crew_.writers_of(slot)) writer.call_began_ns.set(0);
    crew_.start(slot);
  }
  due_ns_ = std::max(due_ns_ + in_ns(run_.settings.kill_every), now_ns());
}

std::vector<std::uint32_t> Strikes::choose_victims() {
  const Settings& settings = run_.settings;
  std::vector<std::uint32_t> victims;
  for (std::uint32_t slot = 0; slot < crew_.slots(); ++slot) {
    if (crew_.may_be_killed(slot)) victims.push_back(slot);
  }
  all_struck_ = settings.kill_all_every != 0 && ++count_ % settings.kill_all_every == 0;
  if (all_struck_) return victims;
  std::erase_if(victims, [&](std::uint32_t slot) { return slot < settings.spared; });
  if (random_.below(100) < settings.aim_percent) {
    const std::optional<std::uint32_t> slot = holder();
    if (slot && *slot >= settings.spared) {
      ++outcome_.aimed;
      return {*slot};
    }
  }
  if (victims.empty()) return victims;
  return {victims[random_.below(static_cast<std::uint32_t>(victims.size()))]};
}

std::optional<std::uint32_t> Strikes::holder() const {
  const Result<LockInfo> info = Db::lock_info(run_.settings.directory);
  if (!info || !info->holder) return std::nullopt;
  for (std::uint32_t slot = 0; slot < crew_.slots(); ++slot) {
    if (crew_.pid(slot) == info->holder->pid && crew_.may_be_killed(slot)) return slot;
  }
  return std::nullopt;
}

// How long the client has been in the call that it will not come back from.
void Strikes::note_call(std::uint32_t slot) noexcept {
  for (WriterStats& writer : crew_.writers_of(slot)) {
    const std::uint64_t began = writer.call_began_ns.get();
    const std::uint64_t now = now_ns();
    if (began == 0 || began > now) continue;
    outcome_.longest_cut_call_ns = std::max(outcome_.longest_cut_call_ns, now - began);
  }
}

// Nobody is attached. The next one finds what it would after a reboot, and builds it anew.
void Strikes::lose_state() {
  const Settings& settings = run_.settings;
  if (!settings.lose_state || count_ / settings.kill_all_every % 2 == 0) return;
  for (const char* name : {"/STATE", "/QUEUE"}) ::unlink((settings.directory + name).c_str());
  ++outcome_.states_lost;
}

}  // namespace tidelock::agent
