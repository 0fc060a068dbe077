#pragma once

#include <array>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/final_check.h"
#include "agent/histogram.h"
#include "agent/history/verification.h"
#include "agent/report/interval.h"
#include "agent/report/percentiles.h"
#include "agent/report/spread.h"
#include "agent/run_outcome.h"

namespace tidelock::agent {

// The program's exit codes; the first that applies, from the top.
enum class ExitCode : int {
  kGood = 0,
  kLost = 1,      // an acknowledged write is lost, or something contradicts what was acknowledged
  kDamage = 4,    // the database is damaged
  kAccident = 6,  // a client died by itself
  kIo = 5,        // an error of the kernel, of space, of permissions, ...
  kBusy = 3,      // others hold the database, or a client did not come to its end
  kUsage = 2,
  kUnfair = 7,         // clients were served less evenly than was asked for
  kInterrupted = 130,  // as a shell says it: of figures that were asked for, some are missing
};

struct ActionFigures {
  std::uint64_t count = 0;
  Percentiles latency_us{};      // of those that were timed, also of the refused and never begun
  std::vector<double> curve_us;  // percentile_curve_us
};

struct ClientFigures {
  std::uint64_t operations = 0;  // that came to a good end
  double longest_gap_ms = 0;     // between two such ends of one of its threads
};

// What the clients took of the machine.
struct Resources {
  Usage usage{};
  std::uint64_t user_bytes = 0;  // keys and values of acknowledged writes
  std::optional<std::uint64_t> memory_peak_bytes{};
  std::optional<std::uint64_t> directory_begin_bytes{}, directory_end_bytes{};
};

// All figures of a run.
struct Report {
  double seconds = 0;
  std::uint64_t operations = 0;         // that came to a good end
  std::uint64_t reads = 0, writes = 0;  // what they made of the store; some are both
  std::array<ActionFigures, kActions> actions{};
  std::uint64_t loaded = 0;  // keys, before the run
  std::uint64_t refused = 0, never_begun = 0, not_durable = 0;
  std::uint64_t misses = 0, inserts_as_updates = 0;
  std::uint64_t retries = 0, waits = 0;  // waits: backoff sleeps, or waits in the lock's queue
  double backed_off_s = 0;               // time that all clients together slept between attempts
  double jain = 1;                       // of the threads, over the whole run
  std::optional<double> fairness{};  // median of short windows; unknown of a run shorter than one
  double fairness_limit = 0;
  double longest_wait_ms = 0;
  double longest_gap_ms = 0;  // of any client
  std::vector<ClientFigures> clients;
  Resources resources{};
  std::vector<Interval> intervals;
  std::size_t whole_intervals = 0;
  Spread reads_per_second{}, writes_per_second{};  // over these
  std::vector<double> kills_at_s;
  Percentiles latency_us{}, read_latency_us{}, write_latency_us{};
  std::uint64_t kills = 0;
  Percentiles recovery_ms{};               // from the kill to the next acknowledged write
  Percentiles recovery_from_release_ms{};  // from the moment the kernel had released everything
  std::vector<std::string> accidents;
  bool interrupted = false;
  Status failure;                    // the first one of a client
  std::uint64_t contradictions = 0;  // of reads while it ran, and impossible final values
  std::vector<Contradiction> first_contradictions;
  JournalTotals journal{};
  FinalCheck check{};
  std::uint64_t start_ns = 0;
  double longest_call_ms = 0;  // into the library, but for flush, compact and close
  double longest_job_ms = 0;   // of these
  double starved_ms = 0;    // the longest time that the machine kept the supervisor from its turn
  std::uint64_t aimed = 0;  // kills
  std::uint64_t stops = 0, visits = 0, no_space = 0;
  std::uint64_t states_lost = 0;
  std::uint64_t snapshots = 0, batches = 0;
  std::uint64_t flushes = 0, compactions = 0, reopenings = 0, forks = 0;
  std::optional<history::Verification> verification;
};

[[nodiscard]] Report make_report(const Run& run, const RunOutcome& outcome, const History& history,
                                 FinalCheck check);
// Whether --fairness-limit was missed: by the windows, or by the whole of a run without any.
[[nodiscard]] bool is_unfair(const Report& report) noexcept;
[[nodiscard]] ExitCode exit_code(const Report& report) noexcept;
// The exit code for a program that ends because of this error.
[[nodiscard]] ExitCode exit_code(const Status& status) noexcept;
[[nodiscard]] ExitCode worse(ExitCode a, ExitCode b) noexcept;

}  // namespace tidelock::agent
