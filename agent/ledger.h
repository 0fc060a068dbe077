#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace tidelock::agent {

// What all clients together know of one key while the run lasts, so that each of them can judge
// its reads at once. Lies in shared memory, all zero bytes at first; any number of writers.
// The journals are the truth; this is a digest that may lag behind them, never run ahead:
// L1. `newest_begin_ns` is raised after the write was acknowledged. A client killed in between
//     leaves it lower: fewer reads are judged, none wrongly.
// L2. An erase is counted before it is asked for, until its end is noted. A client killed in
//     between leaves it counted: its erase may take effect at any time.
class LedgerEntry {
 public:
  [[nodiscard]] std::uint64_t newest_begin_ns() const noexcept {
    // Pairs with the release in acknowledged(): the read that follows starts after that write.
    return newest_begin_ns_.load(std::memory_order_acquire);
  }
  void acknowledged(std::uint64_t begin_ns) noexcept {
    std::uint64_t seen = newest_begin_ns_.load(std::memory_order_relaxed);
    while (seen < begin_ns &&
           !newest_begin_ns_.compare_exchange_weak(seen, begin_ns, std::memory_order_release,
                                                   std::memory_order_relaxed)) {
    }
  }

  [[nodiscard]] std::uint64_t latest_erase_ns() const noexcept {
    // Pairs with the releases below.
    const std::uint64_t word = erases_.load(std::memory_order_acquire);
    return (word & kInFlightMask) != 0 ? UINT64_MAX : word >> kInFlightBits;
  }
  void erase_began() noexcept {
    update_erases([](std::uint64_t word) { return word + 1; });
  }
  // `effect_ns` 0: it changed nothing.
  void erase_ended(std::uint64_t effect_ns) noexcept {
    update_erases([effect_ns](std::uint64_t word) {
      const std::uint64_t latest = std::max(word >> kInFlightBits, effect_ns);
      return latest << kInFlightBits | ((word & kInFlightMask) - 1);
    });
  }

 private:
  static constexpr unsigned kInFlightBits = 8;
  static constexpr std::uint64_t kInFlightMask = (1u << kInFlightBits) - 1;

  template <typename Change>
  void update_erases(Change change) noexcept {
    std::uint64_t word = erases_.load(std::memory_order_relaxed);
    do {
      // So many in flight, or left by the dead, that the count is full: it stays full, and no
      // absent key is judged any more.
      if ((word & kInFlightMask) == kInFlightMask) return;
    } while (!erases_.compare_exchange_weak(word, change(word), std::memory_order_acq_rel,
                                            std::memory_order_relaxed));
  }

  std::atomic<std::uint64_t> newest_begin_ns_;
  std::atomic<std::uint64_t> erases_;  // latest effect, ns << 8 | erases in flight
};

static_assert(sizeof(LedgerEntry) == 16);

}  // namespace tidelock::agent
