#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "agent/crew.h"
#include "agent/parent.h"
#include "agent/progress.h"
#include "agent/random.h"
#include "agent/report/fairness.h"
#include "agent/report/footprint.h"
#include "agent/report/interval.h"
#include "agent/run_context.h"
#include "agent/run_outcome.h"
#include "agent/small_disk.h"
#include "agent/stops.h"
#include "agent/strikes.h"

namespace tidelock::agent {

// Forks the clients of a run, disturbs and measures them, and reaps them all. It opens no database
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
  // Of the run, the preload apart.
  [[nodiscard]] std::span<WriterStats> writers() const noexcept {
    return run_.state.writers().first(run_.preloader());
  }
  // Those whose turns are to be fair.
  [[nodiscard]] std::span<WriterStats> rivals() const noexcept;
  void wait_for_all_open();
  void begin();
  void work_until_end();
  void wait_for_all_ends();
  [[nodiscard]] Footprint footprint() const;
  void end_last_interval(std::optional<std::uint64_t> memory_bytes);
  void show_progress();
  void grow_disk();
  // Sleeps until a child changed state, a signal asked to stop, or the time came...
  void sleep_until(std::uint64_t time_ns);
  // ... then reaps.
  void wait_until(std::uint64_t time_ns);

  const Run& run_;
  Progress& progress_;
  Random random_;
  Parent parent_;
  RunOutcome outcome_;
  Crew crew_;
  Strikes strikes_;
  Stops stops_;
  Sampler sampler_;
  Fairness fairness_;
  const SmallDisk* disk_;
};

}  // namespace tidelock::agent
