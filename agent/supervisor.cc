#include "agent/supervisor.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agent/client.h"
#include "agent/clock.h"
#include "tidelock/db.h"

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kPatience = 20 * kSecond;  // for a client to end, over its deadline

struct Totals {
  std::uint64_t operations = 0;
  std::uint64_t retries = 0;
};

Totals totals_of(std::span<WriterStats> writers) {
  Totals totals;
  for (const WriterStats& writer : writers) {
    totals.operations += writer.reads.get() + writer.writes.get();
    totals.retries += writer.retries.get();
  }
  return totals;
}

std::uint64_t done(std::span<WriterStats> writers) noexcept {
  std::uint64_t operations = 0;
  for (const WriterStats& writer : writers) operations += writer.done();
  return operations;
}

bool finished(std::span<WriterStats> writers) noexcept {
  return std::all_of(writers.begin(), writers.end(),
                     [](const WriterStats& writer) { return writer.finished_ns.get() != 0; });
}

std::string progress_line(const Run& run, const RunOutcome& outcome) {
  const Totals totals = totals_of(run.state.writers().first(run.preloader()));
  const double seconds = static_cast<double>(now_ns() - outcome.start_ns) / 1e9;
  char text[200];
  std::snprintf(text, sizeof text,
                "%6.1f s  %llu operations  %.0f/s  %llu retries  %zu kills  %llu contradictions",
                seconds, static_cast<unsigned long long>(totals.operations),
                static_cast<double>(totals.operations) / std::max(seconds, 0.001),
                static_cast<unsigned long long>(totals.retries), outcome.kills.size(),
                static_cast<unsigned long long>(run.state.contradictions()));
  return text;
}

}  // namespace

Supervisor::Supervisor(const Run& run, Progress& progress)
    : run_(run),
      progress_(progress),
      random_(mix(run.settings.seed)),
      clients_(run.settings.processes) {
  if (run.settings.churn_every != 0) ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Status Supervisor::prepare() {
  const pid_t pid = parent_.fork_child([this] { return prepare_database(run_); });
  if (pid < 0) return Status(StatusCode::kIo, std::string("fork: ") + std::strerror(errno));
  const Counter& loaded = run_.state.writers()[run_.preloader()].writes;
  for (;;) {
    int wait_status = 0;
    if (::waitpid(pid, &wait_status, WNOHANG) == pid) {
      if (is_accident(wait_status)) {
        return Status(StatusCode::kIo,
                      "the client that prepares the database " + describe_end(wait_status));
      }
      return run_.state.first_failure();
    }
    sleep_until(std::max(progress_.due_ns(), now_ns() + kSecond / 20));
    if (outcome_.interrupted) {
      run_.state.stop().store(true, std::memory_order_relaxed);
    } else if (run_.settings.preload && now_ns() >= progress_.due_ns()) {
      progress_.show("preload: " + std::to_string(loaded.get()) + " of " +
                     std::to_string(run_.keys.count()) + " keys");
    }
  }
}

RunOutcome Supervisor::run() {
  for (std::uint32_t slot = 0; slot < clients_.size(); ++slot) start(slot);
  wait_for_all_open();
  outcome_.start_ns = now_ns();
  run_.state.go().store(true, std::memory_order_relaxed);
  work_until_end();
  run_.state.stop().store(true, std::memory_order_relaxed);
  wait_for_all_ends();
  return std::move(outcome_);
}

void Supervisor::start(std::uint32_t slot) {
  Client& client = clients_[slot];
  const std::uint32_t generation = client.generation++;
  client.done_before = done(writers_of(slot));
  const pid_t pid = parent_.fork_child([=, this] { return run_client(run_, slot, generation); });
  if (pid < 0) {
    run_.state.report_failure(
        Status(StatusCode::kLimit, std::string("fork: ") + std::strerror(errno)));
    return;
  }
  client.pid = pid;
}

std::uint32_t Supervisor::living() const noexcept {
  return static_cast<std::uint32_t>(
      std::count_if(clients_.begin(), clients_.end(), [](const Client& c) { return c.pid != 0; }));
}

void Supervisor::wait_for_all_open() {
  while (run_.state.opened().load(std::memory_order_relaxed) < clients_.size() &&
         living() == clients_.size() && !outcome_.interrupted) {
    wait_until(now_ns() + kSecond / 500);
  }
}

void Supervisor::work_until_end() {
  const Settings& settings = run_.settings;
  const std::uint64_t end =
      settings.operations != 0
          ? UINT64_MAX
          : outcome_.start_ns + static_cast<std::uint64_t>(settings.seconds * double(kSecond));
  const auto period = static_cast<std::uint64_t>(settings.kill_every.count()) * 1'000'000;
  std::uint64_t next_kill = period == 0 ? UINT64_MAX : outcome_.start_ns + period;
  while (now_ns() < end && living() != 0 && !outcome_.interrupted) {
    wait_until(std::min({end, next_kill, progress_.due_ns()}));
    if (now_ns() >= progress_.due_ns()) progress_.show(progress_line(run_, outcome_));
    if (now_ns() >= next_kill && now_ns() < end) {
      strike();
      next_kill = std::max(next_kill + period, now_ns());
    }
  }
  outcome_.end_ns = now_ns();
}

void Supervisor::wait_for_all_ends() {
  const auto deadline =
      run_.settings.deadline == Wait::kForEver
          ? 0
          : static_cast<std::uint64_t>(run_.settings.deadline.count()) * 1'000'000;
  const std::uint64_t end = now_ns() + deadline + kPatience;
  while (living() != 0 && now_ns() < end) wait_until(end);
  for (std::uint32_t slot = 0; slot < clients_.size(); ++slot) {
    Client& client = clients_[slot];
    if (client.pid == 0) continue;
    outcome_.accidents.push_back("client " + std::to_string(slot) + " (pid " +
                                 std::to_string(client.pid) + ") did not end");
    ::kill(client.pid, SIGKILL);
    ::waitpid(client.pid, nullptr, 0);
    client.pid = 0;
  }
  while (::waitpid(-1, nullptr, 0) > 0) {  // children of clients, which end by themselves
  }
}

std::span<WriterStats> Supervisor::writers_of(std::uint32_t slot) const noexcept {
  const std::uint32_t threads = run_.settings.threads;
  return run_.state.writers().subspan(std::size_t{slot} * threads, threads);
}

// With operations to be done, each client is left to do one of them at least, and who has done
// all may leave: so the run comes to its end however often clients are killed.
bool Supervisor::may_be_killed(std::uint32_t slot) const noexcept {
  if (clients_[slot].pid == 0) return false;
  if (run_.settings.operations == 0) return true;
  const std::span<WriterStats> writers = writers_of(slot);
  return done(writers) > clients_[slot].done_before && !finished(writers);
}

std::optional<std::uint32_t> Supervisor::holder() const {
  const Result<LockInfo> info = Db::lock_info(run_.settings.directory);
  if (!info || !info->holder) return std::nullopt;
  for (std::uint32_t slot = 0; slot < clients_.size(); ++slot) {
    if (clients_[slot].pid == info->holder->pid && may_be_killed(slot)) return slot;
  }
  return std::nullopt;
}

std::vector<std::uint32_t> Supervisor::choose_victims() {
  const Settings& settings = run_.settings;
  std::vector<std::uint32_t> victims;
  for (std::uint32_t slot = 0; slot < clients_.size(); ++slot) {
    if (may_be_killed(slot)) victims.push_back(slot);
  }
  if (settings.kill_all_every != 0 && ++strikes_ % settings.kill_all_every == 0) {
    all_struck_ = true;
    return victims;
  }
  all_struck_ = false;
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

void Supervisor::strike() {
  const std::vector<std::uint32_t> victims = choose_victims();
  std::vector<std::uint64_t> kill_ns;
  for (const std::uint32_t slot : victims) {
    note_call(slot);
    kill_ns.push_back(now_ns());
    ::kill(clients_[slot].pid, SIGKILL);
  }
  std::vector<std::uint32_t> killed;
  for (std::size_t i = 0; i < victims.size(); ++i) {
    const std::uint32_t slot = victims[i];
    int wait_status = 0;
    ::waitpid(clients_[slot].pid, &wait_status, 0);
    if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL) {
      outcome_.kills.push_back({.kill_ns = kill_ns[i], .reaped_ns = now_ns()});
      note_death(slot, outcome_.kills.back().reaped_ns);
      killed.push_back(slot);
    } else {  // it had come to its end before the signal
      note_end(slot, wait_status);
    }
  }
  if (all_struck_ && living() == killed.size()) lose_state();
  for (const std::uint32_t slot : killed) {
    for (WriterStats& writer : writers_of(slot)) writer.call_began_ns.set(0);
    start(slot);
  }
}

// Nobody is attached. The next one finds what it would after a reboot, and builds it anew.
void Supervisor::lose_state() {
  const Settings& settings = run_.settings;
  if (!settings.lose_state || strikes_ / settings.kill_all_every % 2 == 0) return;
  for (const char* name : {"/STATE", "/QUEUE"}) ::unlink((settings.directory + name).c_str());
  ++outcome_.states_lost;
}

// How long the client has been in the call that it will not come back from.
void Supervisor::note_call(std::uint32_t slot) noexcept {
  for (WriterStats& writer : writers_of(slot)) {
    const std::uint64_t began = writer.call_began_ns.get();
    const std::uint64_t now = now_ns();
    if (began == 0 || began > now) continue;
    outcome_.longest_cut_call_ns = std::max(outcome_.longest_cut_call_ns, now - began);
  }
}

void Supervisor::wait_until(std::uint64_t time_ns) {
  sleep_until(time_ns);
  reap();
}

void Supervisor::sleep_until(std::uint64_t time_ns) {
  const std::uint64_t begin = now_ns();
  if (!parent_.wait_until(time_ns)) outcome_.interrupted = true;
  const std::uint64_t due = std::max(begin, time_ns);
  const std::uint64_t end = now_ns();
  if (end > due) outcome_.starved_ns = std::max(outcome_.starved_ns, end - due);
}

// Clients, and children of theirs that outlived them.
void Supervisor::reap() {
  int wait_status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &wait_status, WNOHANG)) > 0;) {
    for (std::uint32_t slot = 0; slot < clients_.size(); ++slot) {
      if (clients_[slot].pid == pid) note_end(slot, wait_status);
    }
  }
}

void Supervisor::note_death(std::uint32_t slot, std::uint64_t reaped_ns) noexcept {
  const std::uint32_t threads = run_.settings.threads;
  for (Journal& journal : run_.journals.subspan(std::size_t{slot} * threads, threads)) {
    journal.abandon(reaped_ns);
  }
}

void Supervisor::note_end(std::uint32_t slot, int wait_status) {
  if (is_accident(wait_status)) {
    outcome_.accidents.push_back("client " + std::to_string(slot) + " (pid " +
                                 std::to_string(clients_[slot].pid) + ") " +
                                 describe_end(wait_status));
  }
  note_death(slot, now_ns());
  clients_[slot].pid = 0;
}

}  // namespace tidelock::agent
