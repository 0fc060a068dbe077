#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace tidelock::agent {

// Counts durations from 0 to 2^64 ns, each to within 1/32 of its value: 32 buckets to a power of
// two, as in G. Tene's HdrHistogram. Lies in shared memory, all zero bytes when empty.
// One writer at a time; others may read and merge while it counts, and a kill loses at most the
// duration that was being recorded.
class Histogram {
 public:
  void record(std::uint64_t duration_ns, std::uint64_t times = 1) noexcept {
    if (times == 0) return;
    bump(counts_[bucket(duration_ns)], times);
    if (duration_ns > max_.load(std::memory_order_relaxed)) {
      max_.store(duration_ns, std::memory_order_relaxed);
    }
  }
  void merge(const Histogram& other) noexcept;
  // Takes away what it had counted by an earlier time. The longest of the rest is then known to
  // within its bucket only.
  void remove(const Histogram& earlier) noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept;
  [[nodiscard]] std::uint64_t max_ns() const noexcept {
    return max_.load(std::memory_order_relaxed);
  }
  // The duration that a share `quantile` (0 to 1) of all durations does not exceed; 0 if empty.
  [[nodiscard]] std::uint64_t at_quantile(double quantile) const noexcept;

  // Durations of one bucket lie in [lowest(b), lowest(b + 1)).
  [[nodiscard]] static constexpr std::size_t bucket(std::uint64_t ns) noexcept {
    if (ns < 2 * kPerOctave) return static_cast<std::size_t>(ns);
    const auto shift = static_cast<unsigned>(std::bit_width(ns)) - kBits - 1;
    return shift * kPerOctave + static_cast<std::size_t>(ns >> shift);
  }
  [[nodiscard]] static constexpr std::uint64_t lowest(std::size_t bucket) noexcept {
    if (bucket < 2 * kPerOctave) return bucket;
    const std::size_t shift = bucket / kPerOctave - 1;
    return (kPerOctave + bucket % kPerOctave) << shift;
  }

 private:
  static constexpr unsigned kBits = 5;
  static constexpr std::uint64_t kPerOctave = 1u << kBits;
  static constexpr std::size_t kBuckets = (64 - kBits + 1) * kPerOctave;
  using Count = std::atomic<std::uint64_t>;

  // Not an atomic addition: there is one writer, and readers want a value, not the newest.
  static void bump(Count& count, std::uint64_t by) noexcept {
    count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }

  std::array<Count, kBuckets> counts_{};
  Count max_{};
};

}  // namespace tidelock::agent
