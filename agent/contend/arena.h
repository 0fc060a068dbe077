#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <span>

#include "agent/contend/guarded.h"
#include "agent/histogram.h"
#include "agent/shared_mapping.h"
#include "tidelock/status.h"

namespace tidelock::agent::contend {

using SharedWord = std::atomic<std::uint64_t>;  // 0 in fresh memory

// What others look at while a process works. Its process writes it.
struct alignas(128) Presence {
  SharedWord waiting_since_ns;  // the intended start of the acquire in hand; 0: it has none
  SharedWord stays;             // that came to their end
  SharedWord episode;           // of which first_entry_ns tells
  SharedWord first_entry_ns;    // its first turn since that episode began
};

// What one process did in one round. Its process writes it; read when it has ended.
struct alignas(128) Tally {
  SharedWord turns;           // stays that began within the round
  SharedWord tries;           // attempts that these took
  SharedWord overlaps;        // stays during which somebody else was inside
  SharedWord looks;           // turns at which it looked who was waiting
  SharedWord overtakes_seen;  // waiters that had come before it, at those
  SharedWord longest_gap_ns;  // without a turn
  SharedWord cpu_ns;
  Histogram wait;
};

// What whoever holds the lock next is asked to do, once.
enum class Order : std::uint32_t { kNone, kDie, kStop, kHold };

struct alignas(128) Control {
  SharedWord ready;  // processes that have attached, ever
  SharedWord start_ns;
  SharedWord stop_ns;
  SharedWord order;      // Order
  SharedWord performer;  // the lane that carried out the latest one
  SharedWord dying;      // 1 + the lane that is about to, as ordered; 0: none
  SharedWord episode;    // counts carried-out orders
  SharedWord fault_ns;   // kDie, kStop: when it was about to happen. kHold: when it let go
  std::atomic<bool> holding;
  std::atomic<bool> let_go;
  std::atomic<double> alone_ns;  // acquire and release by one process, measured before the round
  std::atomic<bool> failed;
  std::atomic<bool> failure_written;
  StatusCode failure_code;
  char failure_message[1'024];
};

// The memory that the processes of one phase share. What a process wrote stays after its death.
class Arena {
 public:
  [[nodiscard]] static Result<Arena> create(std::uint32_t processes);

  [[nodiscard]] Control& control() const noexcept { return *control_; }
  [[nodiscard]] Guarded& guarded() const noexcept { return *guarded_; }
  [[nodiscard]] pthread_mutex_t& mutex() const noexcept { return *mutex_; }
  [[nodiscard]] std::span<Presence> presences() const noexcept { return presences_; }
  [[nodiscard]] std::span<Tally> tallies() const noexcept { return tallies_; }

  // Keeps the first failure of all.
  void report_failure(const Status& status) const noexcept;
  [[nodiscard]] Status first_failure() const;

 private:
  explicit Arena(SharedMapping mapping, std::uint32_t processes) noexcept;

  SharedMapping mapping_;
  Control* control_;
  Guarded* guarded_;
  pthread_mutex_t* mutex_;
  std::span<Presence> presences_;
  std::span<Tally> tallies_;
};

}  // namespace tidelock::agent::contend
