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
  kScrambled,   // as YCSB does it: ranks of 10^10 items, hashed to keys all over
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
  // kScrambled: over so many keys, of which those are drawn that are there; as long as it stays the
  // same, so do the hot keys. 0: over those of the beginning.
  std::uint32_t scrambled_over = 0;

  friend bool operator==(const KeyChoice&, KeyOrder) = delete;
};

// The keys that a run has so far: all before the first one whose insert has not been acknowledged.
// Lies in shared memory.
class Population {
 public:
  [[nodiscard]] std::uint32_t count() const noexcept {
    return count_.load(std::memory_order_relaxed);
  }
  // All before it are there, or somebody is about to insert them, or died at it.
  [[nodiscard]] std::uint32_t claimed() const noexcept {
    return claimed_.load(std::memory_order_relaxed);
  }
  void set(std::uint32_t count) noexcept {
    claimed_.store(count, std::memory_order_relaxed);
    count_.store(count, std::memory_order_relaxed);
  }
  // A key to insert that nobody has had; `capacity` if there is none left. `note` is told of it
  // before it is taken, perhaps of several, the last one being it: whoever dies in between leaves
  // a note, and no key is forgotten.
  template <typename Note>
  [[nodiscard]] std::uint32_t claim(std::uint32_t capacity, Note note) noexcept {
    std::uint32_t key = claimed();
    do {
      if (key >= capacity) return capacity;
      note(key);
    } while (!claimed_.compare_exchange_weak(key, key + 1, std::memory_order_seq_cst));
    return key;
  }
  // An insert has been acknowledged, and `is_there` knows it, as it knows of all the others.
  template <typename IsThere>
  void advance(IsThere is_there) noexcept {
    // Of two whose inserts end at the same time, one sees that the other has.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    std::uint32_t key = count();
    while (key < claimed() && is_there(key)) {
      if (count_.compare_exchange_weak(key, key + 1, std::memory_order_seq_cst)) ++key;
    }
  }

 private:
  std::atomic<std::uint32_t> claimed_;
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
  [[nodiscard]] std::uint32_t ranked(Random& random) const noexcept;
  [[nodiscard]] std::uint32_t scrambled(Random& random) const noexcept;
  [[nodiscard]] std::uint32_t hot(Random& random) const noexcept;

  const KeyChoice& choice_;
  const Population& population_;
  std::uint32_t count_;  // of the population, when last looked at
  std::uint32_t position_;
  const std::uint32_t scrambled_over_;
  Zipfian zipfian_;
};

}  // namespace tidelock::agent
