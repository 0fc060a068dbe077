#include "agent/crew.h"

#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "agent/client.h"
#include "agent/clock.h"

namespace tidelock::agent {
namespace {

bool finished(std::span<WriterStats> writers) noexcept {
  return std::all_of(writers.begin(), writers.end(),
                     [](const WriterStats& writer) { return writer.finished_ns.get() != 0; });
}

}  // namespace

Crew::Crew(const Run& run, const Parent& parent, RunOutcome& outcome)
    : run_(run), parent_(parent), outcome_(outcome), clients_(run.settings.processes) {}

std::uint32_t Crew::living() const noexcept {
  return static_cast<std::uint32_t>(
      std::count_if(clients_.begin(), clients_.end(), [](const Client& c) { return c.pid != 0; }));
}

std::vector<pid_t> Crew::pids() const {
  std::vector<pid_t> pids;
  for (const Client& client : clients_) {
    if (client.pid != 0) pids.push_back(client.pid);
  }
  return pids;
}

std::span<WriterStats> Crew::writers_of(std::uint32_t slot) const noexcept {
  const std::uint32_t threads = run_.settings.threads;
  return run_.state.writers().subspan(std::size_t{slot} * threads, threads);
}

void Crew::start(std::uint32_t slot) {
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

void Crew::reap() {
  int wait_status = 0;
  for (pid_t pid; (pid = outcome_.usage.reap(-1, wait_status, WNOHANG)) > 0;) {
    for (std::uint32_t slot = 0; slot < clients_.size(); ++slot) {
      if (clients_[slot].pid == pid) note_end(slot, wait_status);
    }
  }
}

bool Crew::bury(std::uint32_t slot) {
  int wait_status = 0;
  outcome_.usage.reap(clients_[slot].pid, wait_status, 0);
  if (!WIFSIGNALED(wait_status) || WTERMSIG(wait_status) != SIGKILL) {
    note_end(slot, wait_status);
    return false;
  }
  note_death(slot);
  return true;
}

void Crew::end() {
  int wait_status = 0;
  for (std::uint32_t slot = 0; slot < clients_.size(); ++slot) {
    if (clients_[slot].pid == 0) continue;
    note_accident(slot, "did not end");
    ::kill(clients_[slot].pid, SIGKILL);
    outcome_.usage.reap(clients_[slot].pid, wait_status, 0);
    clients_[slot].pid = 0;
  }
  while (outcome_.usage.reap(-1, wait_status, 0) > 0) {
  }
}

bool Crew::may_be_killed(std::uint32_t slot) const noexcept {
  if (clients_[slot].pid == 0) return false;
  if (run_.settings.operations == 0) return true;
  const std::span<WriterStats> writers = writers_of(slot);
  return done(writers) > clients_[slot].done_before && !finished(writers);
}

void Crew::note_death(std::uint32_t slot) noexcept {
  if (run_.journals.empty()) return;
  const std::uint32_t threads = run_.settings.threads;
  const std::uint64_t now = now_ns();
  for (Journal& journal : run_.journals.subspan(std::size_t{slot} * threads, threads)) {
    journal.abandon(now);
  }
}

void Crew::note_end(std::uint32_t slot, int wait_status) {
  if (is_accident(wait_status)) note_accident(slot, describe_end(wait_status));
  note_death(slot);
  clients_[slot].pid = 0;
  const bool visit = run_.settings.visit_operations != 0 && WIFEXITED(wait_status) &&
                     WEXITSTATUS(wait_status) == 0 && !finished(writers_of(slot));
  if (!visit || run_.state.stop().load(std::memory_order_relaxed)) return;
  ++outcome_.visits;
  start(slot);
}

void Crew::note_accident(std::uint32_t slot, const std::string& what) {
  outcome_.accidents.push_back("client " + std::to_string(slot) + " (pid " +
                               std::to_string(clients_[slot].pid) + ") " + what);
}

}  // namespace tidelock::agent
