#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "lock/queue.h"

namespace tidelock::lock {

// Data that a lock protects, in memory that processes share, and that shows when it does not: a
// visitor finds somebody inside, or the two counts apart, without having been told of a death.
struct GuardedData {
  static constexpr std::uint32_t kVisitorsMax = 1 << 16;

  std::atomic<std::uint32_t> inside{0};  // 1 + the visitor
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> mirror{0};
  std::atomic<std::uint32_t> violations{0};
  std::array<std::atomic<bool>, kVisitorsMax> sentenced{};  // is being killed, or was

  // One visit. Each visitor has a number of its own, never used again.
  void visit(Guard& guard, std::uint32_t visitor) {
    const bool told = guard.inconsistent();
    const std::uint32_t found = inside.exchange(visitor + 1);
    if (found != 0 && !(told && sentenced[found - 1].load())) violations.fetch_add(1);
    if (count.load() != mirror.load() && !told) violations.fetch_add(1);
    if (told) {
      mirror.store(count.load());
      guard.mark_consistent();
    }
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    for (int i = 0; i < 20; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
    mirror.store(mirror.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (inside.exchange(0) != visitor + 1) violations.fetch_add(1);
  }
};

}  // namespace tidelock::lock
