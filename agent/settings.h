#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/stores/store.h"
#include "agent/workload/pace.h"
#include "agent/workload/workload.h"
#include "tidelock/options.h"
#include "tidelock/wait.h"

namespace tidelock::agent {

enum class ReplayTiming : std::uint8_t {
  kOriginal,  // each operation when it was
  kFast,      // as fast as can
};

// How closely the answers of the store are looked at.
enum class Verify : std::uint8_t {
  kNone,
  kValues,   // each read at once; all that was acknowledged in the end
  kHistory,  // and all reads together
};

// What one run does: the command line as values. The defaults are the program's.
//
// A *client* is a process; its place among `processes` is its *slot*, which a successor takes over
// when the client is killed. A *writer* is a thread of a slot: writer = slot * threads + thread.
struct Settings {
  const StoreKind* store = &store_kinds().front();
  std::string directory;

  std::uint32_t processes = 4;
  std::uint32_t threads = 1;  // a client
  double seconds = 10;
  std::uint64_t operations = 0;  // in all, shared out to the writers; 0: for `seconds`

  Workload workload;
  std::uint32_t durable_percent = 0;  // of the writes, whatever `durability` says
  std::uint32_t churn_every = 0;      // operations; 0: never
  std::string key_file;               // one key a line; empty: generated keys
  std::uint32_t insert_room = 0;      // keys that may be inserted
  bool preload = false;
  Pace pace;                   // of each writer
  std::string record, replay;  // files of traces; empty: none
  ReplayTiming replay_timing = ReplayTiming::kOriginal;

  std::size_t memtable_size = 0;  // bytes, of a database that is made; 0: the library's default

  Durability durability = Durability::kProcess;
  Handover handover = Handover::kBounded;
  Wait::Policy wait = Wait::Policy::kFailFast;  // kQueue or kFailFast
  std::optional<Backoff> backoff = Backoff{};   // nullopt: try again at once
  std::uint32_t tries = 0;                      // attempts of one write; 0: until the deadline
  std::chrono::milliseconds deadline{10'000};   // of one write

  std::uint32_t readers = 0;               // of the clients only read: the last ones
  std::chrono::milliseconds hold_view{0};  // how long a view is kept; 0: for a few reads
  std::uint32_t slow = 0;                  // of the clients sleep between operations: the first
  std::chrono::milliseconds slow_think{100};
  std::uint64_t visit_operations = 0;       // after which a client leaves; 0: it stays
  std::chrono::milliseconds stop_every{0};  // SIGSTOP; 0: nobody is stopped
  std::chrono::milliseconds stop_for{500};
  std::uint64_t disk_size = 0;  // bytes of a tmpfs to run on; 0: on what there is

  std::chrono::milliseconds kill_every{0};  // 0: nobody is killed
  std::uint32_t spared = 0;                 // clients that are only killed with all others
  std::uint32_t kill_all_every = 0;         // kills: then all at once; 0: never
  bool lose_state = false;                  // with that: the shared state, too
  std::uint32_t aim_percent = 0;            // of the kills: at the holder of the writer lock
  Verify verify = Verify::kValues;
  std::uint32_t latency_sample =
      1;                      // of so many operations one is timed, in a run that is unjudged
  double fairness_limit = 0;  // of Jain's index: below it the run has failed
  std::uint64_t seed = 0;
  std::optional<std::chrono::milliseconds> interval{};  // of samples; nullopt: 1 s, fewer lines
  bool json = false;
  std::string csv_file, html_file;  // empty: none; "-": standard output

  [[nodiscard]] std::uint64_t interval_ns() const noexcept {
    return static_cast<std::uint64_t>(
        std::chrono::nanoseconds(interval.value_or(std::chrono::seconds(1))).count());
  }
  [[nodiscard]] std::uint32_t writers() const noexcept { return processes * threads; }
};

inline constexpr std::uint32_t kKeyCountDefault = 100'000;
inline constexpr std::uint32_t kWritersMax = 4'096;  // processes * threads

}  // namespace tidelock::agent
