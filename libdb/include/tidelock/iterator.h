#pragma once

#include <memory>
#include <string_view>

#include "tidelock/status.h"

namespace tidelock {

// Walks the keys of one point in the commit order, in byte order, both ways. It starts
// unpositioned: `next` then goes to the first key, `prev` to the last. Past either end it is
// invalid and remembers the side: stepping back returns to the key at that end. One thread at a
// time. May outlive its `Db`: it is then invalid and `status` is kClosed.
class Iterator {
 public:
  Iterator(Iterator&&) noexcept;
  Iterator& operator=(Iterator&&) noexcept;
  ~Iterator();

  // On a key? False before the first positioning call, past an end, and after an error.
  [[nodiscard]] bool valid() const noexcept;
  // kOk at an end; otherwise the error that stopped the walk (kCorruption, kIo, kClosed, kForked).
  [[nodiscard]] Status status() const;

  void seek_first();
  void seek_last();
  void seek(std::string_view key);         // the first key >= `key` within the bounds
  void seek_before(std::string_view key);  // the last key < `key` within the bounds
  void next();
  void prev();

  // Precondition: valid(). The views live until the next positioning call or the iterator's end.
  [[nodiscard]] std::string_view key() const;
  [[nodiscard]] std::string_view value() const;

 private:
  friend struct IteratorAccess;
  struct State;
  explicit Iterator(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace tidelock
