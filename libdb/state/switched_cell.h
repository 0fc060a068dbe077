#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace tidelock::state {

// A value larger than a word, in shared memory, replaced by one store: the publisher fills the
// idle one of two cells, then stores (number, index of that cell) into one 64-bit word.
//
// Invariants
//   1. One publisher at a time; the owner of the cell says under which lock.
//   2. The cell the word names is never written. So a reader that loads the word, copies the cell
//      and finds the word unchanged has a whole value; a publisher killed half-way has touched
//      the idle cell only, and readers and the next publisher notice nothing.
//   3. Numbers grow, so a word never returns to an earlier value.
// A zeroed cell holds number 0 and a zeroed value.
template <typename T>
class SwitchedCell {
 public:
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 8 == 0);

  struct Loaded {
    std::uint64_t word;
    T value;
    [[nodiscard]] std::uint64_t number() const { return word >> 1; }
  };

  // What `load` would answer has changed if this has.
  [[nodiscard]] std::uint64_t word() const noexcept {
    return word_.load(std::memory_order_acquire);  // pairs with the release in publish
  }
  [[nodiscard]] std::uint64_t number() const noexcept { return word() >> 1; }

  [[nodiscard]] Loaded load() const noexcept {
    for (;;) {
      const std::uint64_t before = word();
      Loaded loaded{before, {}};
      std::uint64_t words[kWords];
      for (std::size_t i = 0; i < kWords; ++i) {
        // Acquire, so that the check below is not done before; pairs with the release in publish.
        words[i] = cells_[before & 1][i].load(std::memory_order_acquire);
      }
      if (word_.load(std::memory_order_relaxed) != before) continue;
      std::memcpy(&loaded.value, words, sizeof(T));
      return loaded;
    }
  }

  // Precondition: `number` is greater than the current one; the caller is the only publisher.
  void publish(std::uint64_t number, const T& value) noexcept {
    const std::uint64_t idle = (word_.load(std::memory_order_relaxed) & 1) ^ 1;
    std::uint64_t words[kWords];
    std::memcpy(words, &value, sizeof(T));
    for (std::size_t i = 0; i < kWords; ++i) {
      // Release: a reader that sees this word also sees the switch that made the cell idle, and
      // so fails its re-check.
      cells_[idle][i].store(words[i], std::memory_order_release);
    }
    word_.store(number << 1 | idle, std::memory_order_release);  // pairs with word()
  }

 private:
  static constexpr std::size_t kWords = sizeof(T) / 8;

  std::atomic<std::uint64_t> word_;
  std::atomic<std::uint64_t> cells_[2][kWords];
};

}  // namespace tidelock::state
