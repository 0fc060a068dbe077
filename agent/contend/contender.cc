#include "agent/contend/contender.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "agent/random.h"

namespace tidelock::agent::contend {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

constexpr std::uint64_t kLookEvery = 31;  // turns

void sleep_a_little() {
  std::this_thread::sleep_for(microseconds(200));
}

std::uint64_t get(const SharedWord& word) noexcept {
  return word.load(std::memory_order_relaxed);
}

void set(SharedWord& word, std::uint64_t value) noexcept {
  word.store(value, std::memory_order_relaxed);
}

void add(SharedWord& word, std::uint64_t value) noexcept {  // it has one writer
  set(word, get(word) + value);
}

std::uint64_t cpu_ns() noexcept {
  ::rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = static_cast<std::uint64_t>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
  const auto micros = static_cast<std::uint64_t>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  return seconds * 1'000'000'000 + micros * 1'000;
}

class Contender {
 public:
  Contender(const Contest& contest, std::uint32_t lane, Lock& lock)
      : contest_(contest),
        lane_(lane),
        lock_(lock),
        control_(contest.arena.control()),
        guarded_(contest.arena.guarded()),
        presence_(contest.arena.presences()[lane]),
        tally_(contest.arena.tallies()[lane]),
        random_(mix(contest.seed + lane)) {}

  Status work() {
    const std::uint64_t cpu_before = cpu_ns();
    last_turn_ns_ = get(control_.start_ns);
    std::uint64_t intended_ns = now_ns();
    while (get(control_.stop_ns) == 0) {
      if (Status status = take_turn(intended_ns); !status.ok()) return status;
      intended_ns = think();
    }
    note_gap(get(control_.stop_ns));
    add(tally_.cpu_ns, cpu_ns() - cpu_before);
    return Status();
  }

 private:
  Status take_turn(std::uint64_t intended_ns) {
    std::uint64_t tries = 0;
    set(presence_.waiting_since_ns, intended_ns);
    const Status status = lock_.acquire(tries);
    if (!status.ok()) {
      set(presence_.waiting_since_ns, 0);
      if (status.code() != StatusCode::kTimedOut) return status;
      // A wait that the end cuts short counts with what it had come to.
      count_wait(intended_ns, now_ns());
      add(tally_.tries, tries);
      return Status();
    }
    Stay stay(guarded_);
    set(presence_.waiting_since_ns, 0);
    note_entry(stay.entry_ns());
    if (get(tally_.turns) % kLookEvery == 0) look_who_is_overtaken(intended_ns);
    if (get(control_.order) != 0) obey();
    stay.work(contest_.stores);
    if (!stay.end()) add(tally_.overlaps, 1);
    add(presence_.stays, 1);
    lock_.release();
    count_wait(intended_ns, stay.entry_ns());
    if (!is_over(stay.entry_ns())) count_turn(stay.entry_ns(), tries);
    return Status();
  }

  bool is_over(std::uint64_t time_ns) const noexcept {
    const std::uint64_t stop_ns = get(control_.stop_ns);
    return stop_ns != 0 && time_ns >= stop_ns;
  }

  void note_entry(std::uint64_t entry_ns) noexcept {
    const std::uint64_t episode = get(control_.episode);
    if (episode == episode_) return;
    episode_ = episode;
    set(presence_.first_entry_ns, entry_ns);
    // Pairs with the acquire of whoever measures the fault.
    presence_.episode.store(episode, std::memory_order_release);
  }

  // Holding the lock: all who wait and came before are overtaken by this turn.
  void look_who_is_overtaken(std::uint64_t intended_ns) noexcept {
    std::uint64_t overtaken = 0;
    for (const Presence& other : contest_.arena.presences()) {
      const std::uint64_t since = get(other.waiting_since_ns);
      if (since != 0 && since < intended_ns) ++overtaken;
    }
    add(tally_.looks, 1);
    add(tally_.overtakes_seen, overtaken);
  }

  void count_wait(std::uint64_t intended_ns, std::uint64_t entry_ns) noexcept {
    const std::uint64_t stop_ns = get(control_.stop_ns);
    const std::uint64_t end_ns = stop_ns != 0 ? std::min(entry_ns, stop_ns) : entry_ns;
    if (end_ns >= intended_ns) tally_.wait.record(end_ns - intended_ns);
  }

  void count_turn(std::uint64_t entry_ns, std::uint64_t tries) noexcept {
    add(tally_.turns, 1);
    add(tally_.tries, tries);
    note_gap(entry_ns);
  }

  void note_gap(std::uint64_t until_ns) noexcept {
    if (until_ns > last_turn_ns_) {
      set(tally_.longest_gap_ns, std::max(get(tally_.longest_gap_ns), until_ns - last_turn_ns_));
    }
    last_turn_ns_ = until_ns;
  }

  // Inside the lock.
  void obey() {
    const auto order = static_cast<Order>(get(control_.order));
    set(control_.order, static_cast<std::uint64_t>(Order::kNone));
    set(control_.performer, lane_);
    switch (order) {
      case Order::kNone:
        return;
      case Order::kDie:
        // Before the death, so that it is not taken for an accident.
        control_.dying.store(lane_ + 1);
        begin_episode();
        ::kill(::getpid(), SIGKILL);
        return;
      case Order::kStop:
        begin_episode();
        ::kill(::getpid(), SIGSTOP);
        return;
      case Order::kHold:
        control_.holding.store(true, std::memory_order_release);
        while (!control_.let_go.load(std::memory_order_relaxed)) sleep_a_little();
        begin_episode();
        return;
    }
  }

  void begin_episode() noexcept {
    const std::uint64_t now = now_ns();
    guarded_.begin_watch(now);
    set(control_.fault_ns, now);
    // Pairs with the acquire of whoever measures the fault.
    control_.episode.store(get(control_.episode) + 1, std::memory_order_release);
  }

  // Returns when it is time for the next operation: its intended start.
  std::uint64_t think() noexcept {
    std::uint64_t now = now_ns();
    const std::uint32_t mean_ns = contest_.think_us * 1'000;
    if (mean_ns == 0) return now;
    const std::uint64_t end_ns = now + mean_ns / 2 + random_.below(mean_ns);
    while (now < end_ns && get(control_.stop_ns) == 0) now = now_ns();
    return now;
  }

  const Contest& contest_;
  const std::uint32_t lane_;
  Lock& lock_;
  Control& control_;
  Guarded& guarded_;
  Presence& presence_;
  Tally& tally_;
  Random random_;
  std::uint64_t episode_ = 0;
  std::uint64_t last_turn_ns_ = 0;
};

Result<std::unique_ptr<Lock>> attach(const Contest& contest, std::uint32_t lane) {
  LockSite site = contest.site;
  site.seed = mix(~contest.seed + lane);
  return contest.make_lock(site);
}

// All that have seen the start's time begin at that time.
void await_start(const Contest& contest) {
  const Control& control = contest.arena.control();
  const auto period = nanoseconds(look_period_ns(contest.arena.presences().size()));
  while (get(control.start_ns) == 0 && get(control.stop_ns) == 0) {
    std::this_thread::sleep_for(period);
  }
  const std::uint64_t now = now_ns();
  if (get(control.start_ns) > now) {
    std::this_thread::sleep_for(nanoseconds(get(control.start_ns) - now));
  }
}

int fail(const Contest& contest, const Status& status) {
  contest.arena.report_failure(status);
  return 1;
}

}  // namespace

std::uint64_t look_period_ns(std::size_t processes) noexcept {
  return std::max<std::uint64_t>(1'000'000, processes * 50'000);
}

int run_contender(const Contest& contest, std::uint32_t lane) {
  const Result<std::unique_ptr<Lock>> lock = attach(contest, lane);
  if (!lock) return fail(contest, lock.error());
  Control& control = contest.arena.control();
  control.ready.fetch_add(1, std::memory_order_relaxed);
  await_start(contest);
  const Status status = Contender(contest, lane, **lock).work();
  return status.ok() ? 0 : fail(contest, status);
}

int measure_alone(const Contest& contest) {
  const Result<std::unique_ptr<Lock>> lock = attach(contest, 0);
  if (!lock) return fail(contest, lock.error());
  constexpr int kTurns = 1'000;
  constexpr std::uint64_t kLongEnoughNs = 20'000'000;
  std::vector<double> samples;
  std::uint64_t tries = 0;
  for (const std::uint64_t begin = now_ns(); now_ns() - begin < kLongEnoughNs;) {
    const std::uint64_t start = now_ns();
    for (int i = 0; i < kTurns; ++i) {
      if (Status status = (*lock)->acquire(tries); !status.ok()) return fail(contest, status);
      (*lock)->release();
    }
    samples.push_back(static_cast<double>(now_ns() - start) / kTurns);
  }
  std::nth_element(samples.begin(), samples.begin() + samples.size() / 2, samples.end());
  contest.arena.control().alone_ns.store(samples[samples.size() / 2], std::memory_order_relaxed);
  return 0;
}

}  // namespace tidelock::agent::contend
