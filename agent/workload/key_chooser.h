#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "agent/random.h"
#include "agent/workload/weighted.h"
#include "agent/workload/zipfian.h"

namespace tidelock::agent {

enum class KeyOrder : std::uint8_t {
  kUniform,
  kZipfian,     // neighbours of a hot key are hot, too
  kScrambled,   // as hot, but spread over all keys
  kLatest,      // what was inserted last is hottest
  kHotspot,     // a share of the operations goes to a share of the keys
  kSequential,  // one after the other
  kWeighted,    // as a file says
};

// How the keys of operations are chosen.
struct KeyChoice {
  KeyOrder order = KeyOrder::kUniform;
  double hot_keys = 0.2;                      // kHotspot: share of the keys, the first ones
  double hot_operations = 0.8;                // share of the operations that go there
  std::shared_ptr<const Weighted> weights{};  // kWeighted: of the first keys

  friend bool operator==(const KeyChoice&, KeyOrder) = delete;
};

// The keys that a run has so far: all before a number, which inserts raise. Lies in shared memory.
class Population {
 public:
  [[nodiscard]] std::uint32_t count() const noexcept {
    return count_.load(std::memory_order_relaxed);
  }
  void set(std::uint32_t count) noexcept { count_.store(count, std::memory_order_relaxed); }
  // A key that nobody has had; `capacity` if there is none left.
  [[nodiscard]] std::uint32_t insert(std::uint32_t capacity) noexcept {
    std::uint32_t key = count();
    while (key < capacity &&
           !count_.compare_exchange_weak(key, key + 1, std::memory_order_relaxed)) {
    }
    return key;
  }

 private:
  std::atomic<std::uint32_t> count_;
};

// Chooses the key of each operation of one writer, among those there are.
class KeyChooser {
 public:
  // A sequential writer begins at its own share of the keys and walks through all, over and over;
  // `done` operations have been done by its killed predecessors.
  struct Place {
    std::uint32_t writer = 0;
    std::uint32_t writers = 1;
    std::uint64_t done = 0;
  };
  // Precondition: the population is not empty.
  KeyChooser(const KeyChoice& choice, const Population& population, const Place& place) noexcept;
  [[nodiscard]] std::uint32_t next(Random& random) noexcept;

 private:
  [[nodiscard]] std::uint32_t hot(Random& random) const noexcept;

  const KeyChoice& choice_;
  const Population& population_;
  std::uint32_t count_;  // of the population, when last looked at
  std::uint32_t position_;
  Zipfian zipfian_;
};

}  // namespace tidelock::agent
