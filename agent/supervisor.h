#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/parent.h"
#include "agent/progress.h"
#include "agent/random.h"
#include "agent/report/footprint.h"
#include "agent/report/interval.h"
#include "agent/run_context.h"
#include "agent/small_disk.h"
#include "agent/stops.h"

namespace tidelock::agent {

struct Kill {
  std::uint64_t kill_ns = 0;    // the signal was about to be sent
  std::uint64_t reaped_ns = 0;  // the kernel had released everything the client held
};

struct RunOutcome {
  std::uint64_t start_ns = 0;
  std::uint64_t end_ns = 0;
  std::vector<Kill> kills;  // in order
  std::uint64_t aimed = 0;  // kills of a client that had just been seen to hold the lock
  std::uint64_t longest_cut_call_ns = 0;  // of the calls that clients were killed in
  std::uint64_t stops = 0;
  std::uint64_t visits = 0;            // clients that left when they had done what they came for
  std::uint64_t states_lost = 0;       // times that the shared state was removed
  std::uint64_t starved_ns = 0;        // the most by which the supervisor woke up too late
  std::vector<std::string> accidents;  // clients that died by themselves or did not end
  std::vector<Interval> intervals;     // from start to end
  Usage usage{};                       // of the clients that worked
  std::optional<std::uint64_t> directory_begin_bytes{};
  bool interrupted = false;  // by SIGINT or SIGTERM; what was done still counts
};

// Forks the clients of a run, kills some, replaces them, and reaps them all. It opens no database
// itself while clients live, and has no thread, so that a fork copies nothing in motion. Should
// the supervisor die, the kernel kills its clients.
class Supervisor {
 public:
  // `disk`: what it runs on, if that is to become full; it grows at half time.
  Supervisor(const Run& run, const SmallDisk* disk, Progress& progress);
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // In a client of its own: makes the database, preloads it. The status is what went wrong there.
  [[nodiscard]] Status prepare();
  // Returns when no client is left. Failures of clients are in the run's state.
  [[nodiscard]] RunOutcome run();

 private:
  struct Client {
    pid_t pid = 0;  // 0: none
    std::uint32_t generation = 0;
    std::uint64_t done_before = 0;  // operations of its slot when it began
  };
  void start(std::uint32_t slot);
  [[nodiscard]] std::span<WriterStats> writers_of(std::uint32_t slot) const noexcept;
  [[nodiscard]] bool may_be_killed(std::uint32_t slot) const noexcept;
  [[nodiscard]] std::uint32_t living() const noexcept;
  void wait_for_all_open();
  void work_until_end();
  void wait_for_all_ends();
  [[nodiscard]] Footprint footprint() const;
  void begin_intervals();
  void end_last_interval(std::optional<std::uint64_t> memory_bytes);
  void show_progress();
  void strike();
  void stop_one();
  void grow_disk();
  [[nodiscard]] std::vector<std::uint32_t> choose_victims();
  void lose_state();
  // The slot of the client that holds the writer lock.
  [[nodiscard]] std::optional<std::uint32_t> holder() const;
  void note_call(std::uint32_t slot) noexcept;
  // Sleeps until a child changed state, a signal asked to stop, or the time came...
  void sleep_until(std::uint64_t time_ns);
  // ... then reaps.
  void wait_until(std::uint64_t time_ns);
  void reap();
  // No process of the slot can write any more.
  void note_death(std::uint32_t slot, std::uint64_t reaped_ns) noexcept;
  void note_end(std::uint32_t slot, int wait_status);

  const Run& run_;
  Progress& progress_;
  Random random_;
  Parent parent_;
  std::vector<Client> clients_;  // by slot
  Sampler sampler_;
  RunOutcome outcome_;
  const SmallDisk* disk_;
  std::optional<Stops> stops_;
  std::uint64_t strikes_ = 0;
  bool all_struck_ = false;  // by the last one
};

}  // namespace tidelock::agent
