#include "agent/supervisor.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/client.h"
#include "agent/clock.h"
#include "agent/report/live.h"
#include "tidelock/db.h"

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kPatience = 20 * kSecond;  // for a client to end, over its deadline

std::uint64_t done(std::span<WriterStats> writers) noexcept {
  std::uint64_t operations = 0;
  for (const WriterStats& writer : writers) operations += writer.done();
  return operations;
}

bool finished(std::span<WriterStats> writers) noexcept {
  return std::all_of(writers.begin(), writers.end(),
                     [](const WriterStats& writer) { return writer.finished_ns.get() != 0; });
}

}  // namespace

Supervisor::Supervisor(const Run& run, const SmallDisk* disk, Progress& progress)
    : run_(run),
      progress_(progress),
      random_(mix(run.settings.seed)),
      clients_(run.settings.processes),
      sampler_(run.state.writers().first(run.preloader()), run.settings.threads,
               run.settings.interval_ns()),
      disk_(disk) {
  if (run.settings.churn_every != 0) ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Status Supervisor::prepare() {
  const pid_t pid = parent_.fork_child([this] { return prepare_database(run_); });
  if (pid < 0) return Status(StatusCode::kIo, std::string("fork: ") + std::strerror(errno));
  const Counter& loaded = run_.state.writers()[run_.preloader()].loaded;
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
                     std::to_string(run_.state.population().count()) + " keys");
    }
  }
}

RunOutcome Supervisor::run() {
  for (std::uint32_t slot = 0; slot < clients_.size(); ++slot) start(slot);
  wait_for_all_open();
  begin_intervals();
  run_.state.start_ns().set(outcome_.start_ns);
  run_.state.go().store(true, std::memory_order_relaxed);
  work_until_end();
  const std::optional<std::uint64_t> memory_bytes = footprint().memory_bytes;
  run_.state.stop().store(true, std::memory_order_relaxed);
  wait_for_all_ends();
  end_last_interval(memory_bytes);
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
  stops_.emplace(settings, outcome_.start_ns);
  const std::uint64_t half_time =
      disk_ == nullptr || end == UINT64_MAX ? UINT64_MAX : (outcome_.start_ns + end) / 2;
  bool grown = half_time == UINT64_MAX;
  while (now_ns() < end && living() != 0 && !outcome_.interrupted) {
    wait_until(std::min({end, next_kill, progress_.due_ns(), sampler_.due_ns(), stops_->due_ns(),
                         grown ? UINT64_MAX : half_time}));
    stop_one();
    if (!grown && now_ns() >= half_time) {
      grown = true;
      grow_disk();
    }
    if (now_ns() >= sampler_.due_ns() && now_ns() < end) {
      sampler_.take(now_ns(), footprint(), outcome_.kills.size());
    }
    if (now_ns() >= progress_.due_ns()) show_progress();
    if (now_ns() >= next_kill && now_ns() < end) {
      strike();
      next_kill = std::max(next_kill + period, now_ns());
    }
  }
  outcome_.end_ns = now_ns();
  outcome_.stops = stops_->count();
}

void Supervisor::stop_one() {
  if (now_ns() < stops_->due_ns()) return;
  std::vector<pid_t> pids;
  for (const Client& client : clients_) {
    if (client.pid != 0) pids.push_back(client.pid);
  }
  stops_->act(pids, now_ns(), random_);
}

void Supervisor::grow_disk() {
  const Status status = disk_->grow(2 * run_.settings.disk_size);
  if (!status.ok()) run_.state.report_failure(status);
}

Footprint Supervisor::footprint() const {
  std::vector<pid_t> pids;
  Footprint footprint{.cpu_ns = outcome_.usage.cpu_ns(),
                      .directory_bytes = allocated_bytes(run_.settings.directory)};
  for (const Client& client : clients_) {
    if (client.pid == 0) continue;
    footprint.cpu_ns += cpu_ns(client.pid);
    pids.push_back(client.pid);
  }
  footprint.memory_bytes = shared_out_memory(pids);
  return footprint;
}

void Supervisor::begin_intervals() {
  const Footprint before = footprint();
  outcome_.directory_begin_bytes = before.directory_bytes;
  outcome_.start_ns = now_ns();
  for (WriterStats& writer : run_.state.writers()) writer.last_turn_ns.set(outcome_.start_ns);
  sampler_.begin(outcome_.start_ns, before);
  progress_.restart(outcome_.start_ns);
}

// When all clients have ended, and with them the operations that they had in hand. What they
// took of the memory was looked at before.
void Supervisor::end_last_interval(std::optional<std::uint64_t> memory_bytes) {
  Footprint after = footprint();
  after.memory_bytes = memory_bytes;
  sampler_.take(outcome_.end_ns, after, outcome_.kills.size());
  outcome_.intervals = sampler_.intervals();
}

void Supervisor::show_progress() {
  const std::span<WriterStats> writers = run_.state.writers().first(run_.preloader());
  const std::vector<Interval>& intervals = sampler_.intervals();
  Moment moment{.elapsed_s = static_cast<double>(now_ns() - outcome_.start_ns) / double(kSecond),
                .length_s = run_.settings.operations == 0 ? run_.settings.seconds : 0,
                .operations = done(writers),
                .operations_to_do = run_.settings.operations,
                .kills = outcome_.kills.size(),
                .contradictions = run_.state.contradictions(),
                .interval = intervals.empty() ? nullptr : &intervals.back(),
                .clients = sampler_.clients()};
  for (const WriterStats& writer : writers) moment.retries += writer.retries.get();
  progress_.show(progress_.is_terminal() ? live_view(moment) : plain_line(moment));
}

void Supervisor::wait_for_all_ends() {
  stops_->let_all_go_on();
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
    int wait_status = 0;
    outcome_.usage.reap(client.pid, wait_status, 0);
    client.pid = 0;
  }
  int wait_status = 0;
  while (outcome_.usage.reap(-1, wait_status, 0) >
         0) {  // children of clients, which end by themselves
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
    outcome_.usage.reap(clients_[slot].pid, wait_status, 0);
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
    stops_->forget(clients_[slot].pid);
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
  for (pid_t pid; (pid = outcome_.usage.reap(-1, wait_status, WNOHANG)) > 0;) {
    for (std::uint32_t slot = 0; slot < clients_.size(); ++slot) {
      if (clients_[slot].pid == pid) note_end(slot, wait_status);
    }
  }
}

void Supervisor::note_death(std::uint32_t slot, std::uint64_t reaped_ns) noexcept {
  if (run_.journals.empty()) return;
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
  if (stops_) stops_->forget(clients_[slot].pid);
  note_death(slot, now_ns());
  clients_[slot].pid = 0;
  const bool visit = run_.settings.visit_operations != 0 && WIFEXITED(wait_status) &&
                     WEXITSTATUS(wait_status) == 0 && !finished(writers_of(slot));
  if (!visit || run_.state.stop().load(std::memory_order_relaxed)) return;
  ++outcome_.visits;
  start(slot);
}

}  // namespace tidelock::agent
