#pragma once

#include <chrono>
#include <cstdint>

// How a call waits for what others hold. Chosen per handle, and per call where it matters.
namespace tidelock {

// Delays between attempts: delay(n) grows as base * 2^n up to cap, then jitter spreads it.
// Names and formulas follow M. Brooker, "Exponential Backoff and Jitter" (2015).
struct Backoff {
  enum class Jitter : std::uint8_t {
    kNone = 0,          // d
    kFull = 1,          // uniform in [0, d]
    kEqual = 2,         // d/2 + uniform in [0, d/2]
    kDecorrelated = 3,  // min(cap, uniform in [base, 3 * previous delay])
  };
  Jitter jitter = Jitter::kFull;
  std::chrono::microseconds base{100};
  std::chrono::microseconds cap{100'000};
  std::uint32_t tries = 0;  // attempts in all; 0 = until the deadline
};

struct Wait {
  enum class Policy : std::uint8_t {
    kQueue = 0,     // first come, first served; asleep on one's own queue entry
    kFailFast = 1,  // kBusy at once; retrying is the application's business
    kBackoff = 2,   // fail-fast attempts spaced by `backoff`
  };
  Policy policy = Policy::kQueue;
  // Covers everything a call waits for: queue, write stall and sync together. kForEver waits
  // without limit, zero or less not at all. Ignored by kFailFast.
  std::chrono::milliseconds deadline{10'000};
  Backoff backoff{};

  static constexpr std::chrono::milliseconds kForEver = std::chrono::milliseconds::max();
};

// Who may take a lock that is just being released.
enum class Handover : std::uint8_t {
  // First come, first served, but while the head of the queue wakes up, others may take the lock
  // for up to 0.5 ms; then it is handed to the head directly. Many times faster under contention.
  kBounded = 0,
  // Always to the head of the queue. A context switch for every operation under contention.
  kStrict = 1,
};

}  // namespace tidelock
