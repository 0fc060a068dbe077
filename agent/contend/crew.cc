#include "agent/contend/crew.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/clock.h"

namespace tidelock::agent::contend {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kLookEvery = kMillisecond / 5;
constexpr std::uint64_t kReapEvery = 50 * kMillisecond;
constexpr std::uint64_t kPatience = 20'000 * kMillisecond;  // to attach, and to end

void await_state(pid_t pid, int state) {
  int wait_status = 0;
  while (::waitpid(pid, &wait_status, state) < 0 && errno == EINTR) {
  }
}

}  // namespace

Crew::Crew(const Contest& contest, const Parent& parent)
    : contest_(contest), parent_(parent), pids_(contest.arena.presences().size()) {}

Crew::~Crew() {
  for (const pid_t pid : pids_) {
    if (pid == 0) continue;
    ::kill(pid, SIGKILL);
    await_state(pid, 0);
  }
}

bool Crew::fork_into(pid_t& pid, const std::function<int()>& life) {
  const pid_t forked = parent_.fork_child(life);
  if (forked < 0) {
    contest_.arena.report_failure(
        Status(StatusCode::kLimit, std::string("fork: ") + std::strerror(errno)));
    return false;
  }
  pid = forked;
  return true;
}

bool Crew::begin() {
  for (std::uint32_t lane = 0; lane < pids_.size(); ++lane) {
    if (!fork_into(pids_[lane], [=, this] { return run_contender(contest_, lane); })) return false;
  }
  Control& control = contest_.arena.control();
  const auto all_ready = [&] { return control.ready.load() == pids_.size(); };
  if (!await(all_ready, now_ns() + kPatience)) return false;
  const std::uint64_t start = now_ns() + 2 * look_period_ns(pids_.size());
  contest_.arena.guarded().begin_watch(start);
  control.start_ns.store(start);
  return true;
}

bool Crew::replace(std::uint32_t lane) {
  Control& control = contest_.arena.control();
  const std::uint64_t before = control.ready.load();
  return fork_into(pids_[lane], [=, this] { return run_contender(contest_, lane); }) &&
         await([&] { return control.ready.load() > before; }, now_ns() + kPatience);
}

void Crew::end() {
  contest_.arena.control().dying.store(0);
  contest_.arena.control().let_go.store(true);
  std::uint64_t running = 0;
  contest_.arena.control().stop_ns.compare_exchange_strong(running, now_ns());
  const std::uint64_t end = now_ns() + kPatience;
  for (const pid_t pid : pids_) {
    if (pid != 0) ::kill(pid, SIGCONT);  // one that was stopped when something went wrong
  }
  reap();
  while (living() != 0 && now_ns() < end) {
    if (!parent_.wait_until(now_ns() + kMillisecond)) interrupted_ = true;
    reap();
  }
  for (std::size_t lane = 0; lane < pids_.size(); ++lane) {
    if (pids_[lane] == 0) continue;
    accidents_.push_back("process " + std::to_string(lane) + " (pid " +
                         std::to_string(pids_[lane]) + ") did not end");
    ::kill(pids_[lane], SIGKILL);
    await_state(pids_[lane], 0);
    pids_[lane] = 0;
  }
}

bool Crew::measure_alone_once() {
  pid_t& pid = pids_[0];
  if (!fork_into(pid, [this] { return measure_alone(contest_); })) return false;
  const auto ended = [&] {
    reap();
    return pid == 0;
  };
  return await(ended, now_ns() + kPatience) && well();
}

bool Crew::await(const std::function<bool()>& condition, std::uint64_t time_ns) {
  while (!condition()) {
    if (!well() || now_ns() >= time_ns) return false;
    if (!parent_.wait_until(std::min(time_ns, now_ns() + kLookEvery))) interrupted_ = true;
    if (now_ns() >= reap_due_ns_) reap();
  }
  return true;
}

void Crew::rest_until(std::uint64_t time_ns) {
  while (well() && now_ns() < time_ns) {
    if (!parent_.wait_until(std::min(time_ns, now_ns() + kReapEvery))) interrupted_ = true;
    reap();
  }
}

void Crew::kill(std::uint32_t lane) {
  if (pids_[lane] == 0) return;
  ::kill(pids_[lane], SIGKILL);
  await_death(lane);
}

void Crew::await_death(std::uint32_t lane) {
  if (pids_[lane] != 0) await_state(pids_[lane], 0);
  pids_[lane] = 0;
  contest_.arena.control().dying.store(0);
}

void Crew::stop(std::uint32_t lane) {
  if (pids_[lane] == 0) return;
  ::kill(pids_[lane], SIGSTOP);
  await_stop(lane);
}

void Crew::await_stop(std::uint32_t lane) {
  if (pids_[lane] == 0) return;
  await_state(pids_[lane], WUNTRACED);
}

void Crew::resume(std::uint32_t lane) {
  if (pids_[lane] != 0) ::kill(pids_[lane], SIGCONT);
}

bool Crew::well() const {
  return !interrupted_ && accidents_.empty() && contest_.arena.first_failure().ok();
}

std::size_t Crew::living() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(pids_.begin(), pids_.end(), [](pid_t pid) { return pid != 0; }));
}

void Crew::reap() {
  reap_due_ns_ = now_ns() + kReapEvery;
  for (std::size_t lane = 0; lane < pids_.size(); ++lane) {
    int wait_status = 0;
    if (pids_[lane] == 0 || lane + 1 == contest_.arena.control().dying.load()) continue;
    if (::waitpid(pids_[lane], &wait_status, WNOHANG) <= 0) continue;
    note_end(lane, wait_status);
  }
}

void Crew::note_end(std::size_t lane, int wait_status) {
  if (is_accident(wait_status)) {
    accidents_.push_back("process " + std::to_string(lane) + " (pid " +
                         std::to_string(pids_[lane]) + ") " + describe_end(wait_status));
  }
  pids_[lane] = 0;
}

}  // namespace tidelock::agent::contend
