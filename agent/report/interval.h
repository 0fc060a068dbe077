#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "agent/report/footprint.h"
#include "agent/report/percentiles.h"
#include "agent/run_state.h"

namespace tidelock::agent {

// What all clients did in a short time.
struct Interval {
  double end_s = 0;                               // from the start of the run
  double seconds = 0;                             // its length; the last one may be short
  std::array<std::uint64_t, kActions> actions{};  // that came to a good end
  std::uint64_t reads = 0, writes = 0;            // what they made of the store
  std::uint64_t retries = 0, refused = 0, failed = 0, kills = 0;
  double backed_off_s = 0;   // of all clients together
  double cpu_s = 0;          // of all clients together
  double jain = 1;           // of the operations of the clients
  Percentiles latency_us{};  // of the operations that were timed
  Percentiles read_latency_us{}, write_latency_us{};
  std::optional<std::uint64_t> memory_bytes{}, directory_bytes{};  // at its end

  [[nodiscard]] std::uint64_t operations() const noexcept;
  [[nodiscard]] double per_second(std::uint64_t count) const noexcept;
};

// Cuts a run into intervals: looks now and then at what the clients count, and keeps the
// differences. Counts are of the moment at which they are looked at, one after the other; an
// operation belongs to the interval in which it ended, or to the next.
class Sampler {
 public:
  // The writers of a client lie side by side, `threads` of them.
  Sampler(std::span<const WriterStats> writers, std::uint32_t threads, std::uint64_t length_ns);
  ~Sampler();

  void begin(std::uint64_t now_ns, const Footprint& footprint);
  // When the interval is over; never before `begin`.
  [[nodiscard]] std::uint64_t due_ns() const noexcept { return due_ns_; }
  // Ends an interval and begins the next one. `kills` so far.
  void take(std::uint64_t now_ns, const Footprint& footprint, std::uint64_t kills);

  [[nodiscard]] const std::vector<Interval>& intervals() const noexcept { return intervals_; }
  // The operations of each client in the last one.
  [[nodiscard]] std::span<const double> clients() const noexcept { return clients_; }

 private:
  struct Counts;
  [[nodiscard]] std::unique_ptr<Counts> count() const;

  std::span<const WriterStats> writers_;
  std::uint32_t threads_;
  std::uint64_t length_ns_;
  std::uint64_t due_ns_ = UINT64_MAX;
  std::uint64_t start_ns_ = 0, begin_ns_ = 0;  // of the run, and of the interval
  Footprint footprint_{};                      // at its begin
  std::uint64_t kills_ = 0;
  std::unique_ptr<Counts> before_;
  std::vector<Interval> intervals_;
  std::vector<double> clients_;
};

}  // namespace tidelock::agent
