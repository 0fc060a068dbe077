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
// L2. A put or an erase is counted before it is asked for, until its end is noted. A client killed
//     in between leaves it counted: it may take effect at any time.

// How late the puts of a key, or its erases, may have taken effect: one word.
class Effects {
 public:
  [[nodiscard]] std::uint64_t latest_ns() const noexcept {
    // Pairs with the releases below.
    const std::uint64_t word = word_.load(std::memory_order_acquire);
    return (word & kInFlightMask) != 0 ? UINT64_MAX : word >> kInFlightBits;
  }
  void began() noexcept {
    update([](std::uint64_t word) { return word + 1; });
  }
  // `effect_ns` 0: it changed nothing.
  void ended(std::uint64_t effect_ns) noexcept {
    update([effect_ns](std::uint64_t word) {
      const std::uint64_t latest = std::max(word >> kInFlightBits, effect_ns);
      return latest << kInFlightBits | ((word & kInFlightMask) - 1);
    });
  }

 private:
  static constexpr unsigned kInFlightBits = 8;
  static constexpr std::uint64_t kInFlightMask = (1u << kInFlightBits) - 1;

  template <typename Change>
  void update(Change change) noexcept {
    std::uint64_t word = word_.load(std::memory_order_relaxed);
    do {
      // So many in flight, or left by the dead, that the count is full: it stays full, and nothing
      // is judged by it any more.
      if ((word & kInFlightMask) == kInFlightMask) return;
    } while (!word_.compare_exchange_weak(word, change(word), std::memory_order_acq_rel,
                                          std::memory_order_relaxed));
  }

  std::atomic<std::uint64_t> word_;  // latest effect, ns << 8 | in flight
};

class LedgerEntry {
 public:
  [[nodiscard]] Effects& puts() noexcept { return puts_; }
  [[nodiscard]] Effects& erases() noexcept { return erases_; }
  // Of all acknowledged writes, and of the erases among them.
  [[nodiscard]] std::uint64_t newest_begin_ns() const noexcept {
    // Pairs with the release in raise(): the read that follows starts after that write.
    return newest_begin_ns_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint64_t newest_erase_begin_ns() const noexcept {
    return newest_erase_begin_ns_.load(std::memory_order_acquire);  // likewise
  }
  void put_acknowledged(std::uint64_t begin_ns) noexcept { raise(newest_begin_ns_, begin_ns); }
  void erase_acknowledged(std::uint64_t begin_ns) noexcept {
    raise(newest_begin_ns_, begin_ns);
    raise(newest_erase_begin_ns_, begin_ns);
  }

 private:
  static void raise(std::atomic<std::uint64_t>& newest, std::uint64_t begin_ns) noexcept {
    std::uint64_t seen = newest.load(std::memory_order_relaxed);
    while (seen < begin_ns &&
           !newest.compare_exchange_weak(seen, begin_ns, std::memory_order_release,
                                         std::memory_order_relaxed)) {
    }
  }

  Effects puts_, erases_;
  std::atomic<std::uint64_t> newest_begin_ns_, newest_erase_begin_ns_;
};

static_assert(sizeof(LedgerEntry) == 32);

}  // namespace tidelock::agent
