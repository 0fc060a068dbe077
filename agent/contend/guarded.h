#pragma once

#include <atomic>
#include <cstdint>

#include "agent/clock.h"

namespace tidelock::agent::contend {

// What the lock protects, in shared memory: each stay inside works on it and finds out whether
// anybody else was inside at the same time.
//
// G1. `turns` is read when a stay begins and written, one higher, when it ends: two stays at a time
//     lose one of them, and it falls short of what the processes counted for themselves.
// G2. `last_exit_ns` is the end of the latest stay. A stay that begins before it, or finds another
//     value at its own end, overlaps with another.
// A holder that dies inside has not counted, and has not ended: the next finds nothing amiss.
//
// Relaxed atomics: the lock under test orders them, and where it does not, nothing is undefined.
struct alignas(128) Guarded {
  using Word = std::atomic<std::uint64_t>;
  Word turns;
  Word last_exit_ns;
  Word last_entry_ns;
  Word longest_standstill_ns;  // between two entries, since whoever is inside set it back to 0
  Word words[16];              // work

  void begin_watch(std::uint64_t now) noexcept {
    last_entry_ns.store(now, std::memory_order_relaxed);
    longest_standstill_ns.store(0, std::memory_order_relaxed);
  }
};

// One stay inside the lock.
class Stay {
 public:
  // The lock has just been got.
  explicit Stay(Guarded& guarded) noexcept
      : guarded_(guarded),
        entry_ns_(now_ns()),
        turns_(get(guarded.turns)),
        exit_before_ns_(get(guarded.last_exit_ns)) {
    const std::uint64_t standstill = entry_ns_ - get(guarded.last_entry_ns);
    if (standstill > get(guarded.longest_standstill_ns)) {
      set(guarded.longest_standstill_ns, standstill);
    }
    set(guarded.last_entry_ns, entry_ns_);
  }
  // Dependent stores.
  void work(std::uint32_t stores) noexcept {
    for (std::uint32_t i = 0; i < stores; ++i) {
      Guarded::Word& word = guarded_.words[i % 16];
      set(word, get(word) * 3 + 1);
    }
  }
  // Just before the release. True if nobody else was inside (G2).
  [[nodiscard]] bool end() noexcept {
    const bool alone =
        entry_ns_ >= exit_before_ns_ && get(guarded_.last_exit_ns) == exit_before_ns_;
    set(guarded_.turns, turns_ + 1);
    set(guarded_.last_exit_ns, now_ns());
    return alone;
  }
  [[nodiscard]] std::uint64_t entry_ns() const noexcept { return entry_ns_; }

 private:
  static std::uint64_t get(const Guarded::Word& word) noexcept {
    return word.load(std::memory_order_relaxed);
  }
  static void set(Guarded::Word& word, std::uint64_t value) noexcept {
    word.store(value, std::memory_order_relaxed);
  }

  Guarded& guarded_;
  const std::uint64_t entry_ns_;
  const std::uint64_t turns_;
  const std::uint64_t exit_before_ns_;
};

// How much work makes a stay of `critical_ns` on this machine, nobody else being at work.
struct Calibration {
  std::uint32_t stores = 0;
  double stay_ns = 0;  // what it came to; more than asked for if verifying alone takes longer
};
[[nodiscard]] Calibration calibrate(std::uint32_t critical_ns);

}  // namespace tidelock::agent::contend
