#include "agent/supervisor.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/client.h"
#include "agent/clock.h"
#include "agent/plan.h"
#include "agent/report/live.h"

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kPatience = 20 * kSecond;  // for a client to end, over its deadline

}  // namespace

Supervisor::Supervisor(const Run& run, const SmallDisk* disk, Progress& progress)
    : run_(run),
      progress_(progress),
      random_(mix(run.settings.seed)),
      crew_(run, parent_, outcome_),
      strikes_(run, crew_, random_, outcome_),
      stops_(run.settings),
      sampler_(writers(), run.settings.threads, run.settings.interval_ns()),
      fairness_(rivals()),
      disk_(disk) {
  if (run.settings.churn_every != 0) ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

// Who only reads is in nobody's way.
std::span<WriterStats> Supervisor::rivals() const noexcept {
  const Settings& settings = run_.settings;
  const std::uint32_t writing = settings.processes - settings.readers;
  return writers().first((writing != 0 ? writing : settings.processes) * settings.threads);
}

Status Supervisor::prepare() {
  const pid_t pid = parent_.fork_child([this] { return prepare_database(run_); });
  if (pid < 0) return Status(StatusCode::kIo, std::string("fork: ") + std::strerror(errno));
  const Counter& loaded = run_.state.writers()[run_.preloader()].loaded;
  const std::uint64_t begin = now_ns();
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
      const Loading loading{.loaded = loaded.get(),
                            .keys = run_.state.population().count(),
                            .elapsed_s = static_cast<double>(now_ns() - begin) / double(kSecond)};
      progress_.show(progress_.is_terminal() ? live_view(loading) : plain_line(loading));
    }
  }
}

RunOutcome Supervisor::run() {
  for (std::uint32_t slot = 0; slot < crew_.slots(); ++slot) crew_.start(slot);
  wait_for_all_open();
  begin();
  run_.state.start_ns().set(outcome_.start_ns);
  run_.state.go().store(true, std::memory_order_relaxed);
  work_until_end();
  const std::optional<std::uint64_t> memory_bytes = footprint().memory_bytes;
  run_.state.stop().store(true, std::memory_order_relaxed);
  wait_for_all_ends();
  note_never_begun(run_, outcome_.end_ns, random_);
  end_last_interval(memory_bytes);
  return std::move(outcome_);
}

void Supervisor::wait_for_all_open() {
  while (run_.state.opened().load(std::memory_order_relaxed) < crew_.slots() &&
         crew_.living() == crew_.slots() && !outcome_.interrupted) {
    wait_until(now_ns() + kSecond / 500);
  }
}

void Supervisor::work_until_end() {
  const Settings& settings = run_.settings;
  const std::uint64_t end =
      settings.operations != 0
          ? UINT64_MAX
          : outcome_.start_ns + static_cast<std::uint64_t>(settings.seconds * double(kSecond));
  std::uint64_t growth_due =
      disk_ == nullptr || end == UINT64_MAX ? UINT64_MAX : (outcome_.start_ns + end) / 2;
  while (now_ns() < end && crew_.living() != 0 && !outcome_.interrupted) {
    wait_until(std::min({end, strikes_.due_ns(), stops_.due_ns(), sampler_.due_ns(),
                         fairness_.due_ns(), progress_.due_ns(), growth_due}));
    if (now_ns() >= stops_.due_ns()) stops_.act(crew_.pids(), now_ns(), random_);
    if (now_ns() >= growth_due) {
      growth_due = UINT64_MAX;
      grow_disk();
    }
    if (now_ns() >= fairness_.due_ns()) fairness_.look(now_ns());
    if (now_ns() >= sampler_.due_ns() && now_ns() < end) {
      sampler_.take(now_ns(), footprint(), outcome_.kills.size());
    }
    if (now_ns() >= progress_.due_ns()) show_progress();
    if (now_ns() >= strikes_.due_ns() && now_ns() < end) strikes_.strike();
  }
  outcome_.end_ns = now_ns();
  outcome_.stops = stops_.count();
  outcome_.fairness = fairness_.median();
}

void Supervisor::grow_disk() {
  const Status status = disk_->grow(2 * run_.settings.disk_size);
  if (!status.ok()) run_.state.report_failure(status);
}

Footprint Supervisor::footprint() const {
  const std::vector<pid_t> pids = crew_.pids();
  Footprint footprint{.cpu_ns = outcome_.usage.cpu_ns(),
                      .memory_bytes = shared_out_memory(pids),
                      .directory_bytes = allocated_bytes(run_.settings.directory)};
  for (const pid_t pid : pids) footprint.cpu_ns += cpu_ns(pid);
  return footprint;
}

void Supervisor::begin() {
  const Footprint before = footprint();
  outcome_.directory_begin_bytes = before.directory_bytes;
  outcome_.start_ns = now_ns();
  for (WriterStats& writer : run_.state.writers()) writer.last_turn_ns.set(outcome_.start_ns);
  strikes_.begin(outcome_.start_ns);
  stops_.begin(outcome_.start_ns);
  sampler_.begin(outcome_.start_ns, before);
  fairness_.begin(outcome_.start_ns);
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
  const std::vector<Interval>& intervals = sampler_.intervals();
  Moment moment{.elapsed_s = static_cast<double>(now_ns() - outcome_.start_ns) / double(kSecond),
                .length_s = run_.settings.operations == 0 ? run_.settings.seconds : 0,
                .operations = done(writers()),
                .operations_to_do = run_.settings.operations,
                .kills = outcome_.kills.size(),
                .contradictions = run_.state.contradictions(),
                .interval = intervals.empty() ? nullptr : &intervals.back(),
                .clients = sampler_.clients()};
  for (const WriterStats& writer : writers()) moment.retries += writer.retries.get();
  progress_.show(progress_.is_terminal() ? live_view(moment) : plain_line(moment));
}

void Supervisor::wait_for_all_ends() {
  stops_.let_go_on(crew_.pids());
  const Settings& settings = run_.settings;
  const std::uint64_t deadline = settings.deadline == Wait::kForEver ? 0 : in_ns(settings.deadline);
  const std::uint64_t end = now_ns() + deadline + kPatience;
  while (crew_.living() != 0 && now_ns() < end) wait_until(end);
  crew_.end();
}

void Supervisor::wait_until(std::uint64_t time_ns) {
  sleep_until(time_ns);
  crew_.reap();
}

void Supervisor::sleep_until(std::uint64_t time_ns) {
  const std::uint64_t begin = now_ns();
  if (!parent_.wait_until(time_ns)) outcome_.interrupted = true;
  const std::uint64_t due = std::max(begin, time_ns);
  const std::uint64_t end = now_ns();
  if (end > due) outcome_.starved_ns = std::max(outcome_.starved_ns, end - due);
}

}  // namespace tidelock::agent
