#include "agent/compaction/load.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "agent/clock.h"
#include "agent/random.h"
#include "agent/run_state.h"

namespace tidelock::agent::compaction {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// Scatters 0 ... count - 1 over themselves: multiplies by what has no factor in common with count.
class Scatter {
 public:
  Scatter(std::uint32_t count, std::uint64_t seed) : count_(count), shift_(mix(seed) % count) {
    factor_ = mix(seed + 1) % count | 1;
    while (std::gcd(factor_, std::uint64_t{count}) != 1) ++factor_;
  }
  [[nodiscard]] std::uint32_t at(std::uint64_t i) const noexcept {
    return static_cast<std::uint32_t>((i % count_ * factor_ + shift_) % count_);
  }

 private:
  std::uint64_t count_, shift_, factor_;
};

std::string value_of(std::uint32_t record, std::uint64_t pass, std::uint32_t size) {
  Random random(std::uint64_t{record} << 1 | pass);
  std::string value(size, '\0');
  for (std::size_t i = 0; i < value.size(); i += 8) {
    const std::uint64_t word = random.next();
    std::memcpy(&value[i], &word, std::min<std::size_t>(8, value.size() - i));
  }
  return value;
}

// What one process does until it is through or told to stop.
using Work = Status (*)(const Settings& settings, std::uint32_t index, Db& db,
                        const std::atomic<bool>& stop, Counter& done);

Status write_share(const Settings& settings, std::uint32_t index, Db& db,
                   const std::atomic<bool>& stop, Counter& done) {
  const Scatter scatter(settings.records, settings.seed);
  const std::uint64_t all = 2 * std::uint64_t{settings.records};
  for (std::uint64_t i = index; i < all && !stop.load(std::memory_order_relaxed);
       i += settings.processes) {
    const std::uint32_t record = scatter.at(i);
    const std::string value = value_of(record, i / settings.records, settings.value_size);
    if (Status status = db.put(key_of(record), value); !status.ok()) return status;
    done.add(1);
  }
  return {};
}

Status read_on(const Settings& settings, std::uint32_t index, Db& db, const std::atomic<bool>& stop,
               Counter& done) {
  Random random(mix(settings.seed + 1 + index));
  while (!stop.load(std::memory_order_relaxed)) {
    const std::string key = key_of(random.below(settings.records));
    const Result<std::optional<PinnedValue>> value = db.get_pinned(key);
    if (!value) return value.error();
    if (!*value) return Status(StatusCode::kCorruption, "the key " + key + " is not there");
    done.add(1);
  }
  return {};
}

class Crew {
 public:
  Crew(const Settings& settings, const std::string& directory, const Parent& parent,
       const RunState& state)
      : settings_(settings), directory_(directory), parent_(parent), state_(state) {}

  // Until there are so many operations, or the time is over.
  Result<Phase> run(Work work, std::uint64_t goal, std::uint64_t duration_ns) {
    for (std::uint32_t i = 0; i < settings_.processes && well(); ++i) start(i, work);
    while (state_.opened().load(std::memory_order_relaxed) < living_ && well()) {
      wait(kSecond / 500);
    }
    // The clients look at it again and again; nothing else hangs on its order.
    state_.go().store(true, std::memory_order_relaxed);
    Phase phase = measure(goal, duration_ns);
    state_.stop().store(true, std::memory_order_relaxed);
    while (living_ != 0) wait(kSecond / 10);
    if (Status status = state_.first_failure(); !status.ok()) return status;
    return phase;
  }

 private:
  void start(std::uint32_t index, Work work) {
    const pid_t pid = parent_.fork_child([=, this] { return live(index, work); });
    if (pid > 0) {
      ++living_;
    } else {
      fail(Status(StatusCode::kLimit, std::string("fork: ") + std::strerror(errno)));
    }
  }

  int live(std::uint32_t index, Work work) {
    Result<Db> db = Db::open(directory_, {.label = "tidelock-agent"});
    if (!db) return told(db.error());
    state_.opened().fetch_add(1, std::memory_order_relaxed);
    while (!state_.go().load(std::memory_order_relaxed) &&
           !state_.stop().load(std::memory_order_relaxed)) {
      ::usleep(200);
    }
    Status status = work(settings_, index, *db, state_.stop(), state_.writers()[index].writes);
    if (Status closed = db->close(); status.ok()) status = std::move(closed);
    return status.ok() ? 0 : told(status);
  }
  int told(const Status& status) const {
    state_.report_failure(status);
    return 1;
  }

  // Rates of whole intervals, or of all if there was none.
  Phase measure(std::uint64_t goal, std::uint64_t duration_ns) {
    const std::uint64_t begin = now_ns(), step = in_ns(settings_.interval);
    Phase phase;
    std::uint64_t now = begin, since = begin, before = 0;
    while (well() && now - begin < duration_ns && phase.operations < goal) {
      wait(std::min({since + step - now, duration_ns - (now - begin), kSecond / 100}));
      now = now_ns();
      phase.operations = operations();
      if (now < since + step) continue;
      phase.rates.push_back(rate(phase.operations - before, now - since));
      before = phase.operations;
      since = now;
    }
    phase.seconds = static_cast<double>(now - begin) / 1e9;
    if (phase.rates.empty()) phase.rates.push_back(rate(phase.operations, now - begin));
    return phase;
  }

  static double rate(std::uint64_t count, std::uint64_t ns) {
    return static_cast<double>(count) * 1e9 / static_cast<double>(std::max<std::uint64_t>(ns, 1));
  }
  [[nodiscard]] std::uint64_t operations() const {
    std::uint64_t sum = 0;
    for (const WriterStats& client : state_.writers()) sum += client.writes.get();
    return sum;
  }
  [[nodiscard]] bool well() const { return !state_.stop().load(std::memory_order_relaxed); }
  void fail(const Status& status) const {
    state_.report_failure(status);
    state_.stop().store(true, std::memory_order_relaxed);
  }

  void wait(std::uint64_t ns) {
    if (!parent_.wait_until(now_ns() + ns)) fail(Status(StatusCode::kIo, "interrupted"));
    int wait_status = 0;
    while (living_ != 0 && ::waitpid(-1, &wait_status, WNOHANG) > 0) {
      --living_;
      if (wait_status != 0) fail(Status(StatusCode::kIo, "a client " + describe_end(wait_status)));
    }
  }

  const Settings& settings_;
  const std::string& directory_;
  const Parent& parent_;
  const RunState& state_;
  std::uint32_t living_ = 0;
};

Result<Phase> run(const Settings& settings, const std::string& directory, const Parent& parent,
                  Work work, std::uint64_t goal, std::uint64_t duration_ns) {
  const Result<RunState> state =
      RunState::create({.slots = 1, .writers = settings.processes, .keys = 1});
  if (!state) return state.error();
  return Crew(settings, directory, parent, *state).run(work, goal, duration_ns);
}

}  // namespace

std::string key_of(std::uint32_t record) {
  const std::string digits = std::to_string(record);
  return "key" + std::string(13 - digits.size(), '0') + digits;
}

Result<Phase> write(const Settings& settings, const std::string& directory, const Parent& parent) {
  constexpr std::uint64_t kForEver = UINT64_MAX / 2;
  return run(settings, directory, parent, write_share, 2 * std::uint64_t{settings.records},
             kForEver);
}

Result<Phase> read(const Settings& settings, const std::string& directory, const Parent& parent) {
  const auto duration_ns = static_cast<std::uint64_t>(settings.seconds * 1e9);
  return run(settings, directory, parent, read_on, UINT64_MAX, duration_ns);
}

}  // namespace tidelock::agent::compaction
