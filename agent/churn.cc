#include "agent/churn.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <utility>

#include "agent/call_timer.h"
#include "agent/open_store.h"

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kShortLife = 30'000'000, kLongLife = 2'500'000'000;  // ns
constexpr ::timespec kNap{.tv_sec = 0, .tv_nsec = 10'000'000};

}  // namespace

template <typename Call>
Status Churn::job(Call call) {
  const std::uint64_t begin = now_ns();
  Status status = call();
  stats_.longest_job.set(std::max(stats_.longest_job.get(), now_ns() - begin));
  const bool others = status.code() == StatusCode::kBusy || status.code() == StatusCode::kTimedOut;
  return others ? Status() : status;
}

Status Churn::stir(Random& random) {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {  // children of earlier times
  }
  switch (random.below(8)) {
    case 0:
      stats_.compactions.add(1);
      return job([&] { return store_->compact(); });
    case 1:
    case 2:
      stats_.flushes.add(1);
      return job([&] { return store_->flush(); });
    case 3:
      fork_child(false, random.below(2) == 0 ? kLongLife : kShortLife);
      return Status();
    case 4:
      fork_child(true, kShortLife);
      return Status();
    default:
      return reopen();
  }
}

Status Churn::reopen() {
  reader_.let_go();
  session_.reset();
  const Status closed = job([&] { return store_->close(); });
  if (!closed.ok() && !is_expected(run_, closed)) return closed;
  Result<std::unique_ptr<Store>> store = wait_for_room(run_, [&] {
    const CallTimer call(stats_);
    return open_store(run_);
  });
  if (!store) return std::move(store).error();
  store_ = *std::move(store);
  Result<std::unique_ptr<Session>> session = wait_for_room(run_, [&] { return store_->session(); });
  if (!session) return std::move(session).error();
  session_ = *std::move(session);
  stats_.reopenings.add(1);
  return Status();
}

void Churn::fork_child(bool other_program, std::uint64_t life_ns) {
  const std::uint64_t end = now_ns() + life_ns;
  const pid_t pid = ::fork();
  if (pid > 0) stats_.forks.add(1);
  if (pid != 0) return;
  if (other_program) {
    std::signal(SIGPIPE, SIG_DFL);  // the agent ignores it
    ::execl("/bin/sleep", "sleep", "0.03", static_cast<char*>(nullptr));
  }
  while (now_ns() < end && !run_.state.stop().load(std::memory_order_relaxed)) {
    ::nanosleep(&kNap, nullptr);
  }
  ::_exit(0);
}

}  // namespace tidelock::agent
