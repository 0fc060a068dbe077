#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidelock {

// Puts and erases that are applied together or not at all, in the order they were added; a later
// operation on a key overrides an earlier one. A plain value: copy, reuse, fill it in any thread,
// one thread at a time. Limits are checked by `Db::write`.
class Batch {
 public:
  void put(std::string_view key, std::string_view value);
  void erase(std::string_view key);
  void clear() noexcept;

  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  // Bytes of all keys and values.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  friend struct BatchAccess;  // the library's way to the encoded operations
  std::string encoded_;       // operations as the write-ahead log stores them
  std::uint32_t count_ = 0;
  std::size_t size_ = 0;
  std::size_t largest_key_ = 0;
  std::size_t largest_value_ = 0;
};

}  // namespace tidelock
