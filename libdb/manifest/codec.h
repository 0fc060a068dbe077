#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Bytes of the manifest's files: little-endian integers of fixed width, and byte strings behind a
// 32-bit length.
namespace tidelock::manifest {

class Encoder {
 public:
  template <std::unsigned_integral T>
  void put(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      bytes_.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i)));
    }
  }

  void put_raw(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  void put_string(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    put_raw(std::as_bytes(std::span(text)));
  }

  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::vector<std::byte> take() && { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

// Takes fields from the front of `bytes`, which must outlive it. A field that is not wholly there
// reads as zero or empty and makes `failed` true from then on, so that a run of fields is checked
// once, behind it.
class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  template <std::unsigned_integral T>
  T get() noexcept {
    std::uint64_t value = 0;
    const std::span<const std::byte> field = get_raw(sizeof(T));
    for (std::size_t i = 0; i < field.size(); ++i) {
      value |= static_cast<std::uint64_t>(field[i]) << (8 * i);
    }
    return static_cast<T>(value);
  }

  std::span<const std::byte> get_raw(std::size_t size) noexcept {
    if (failed_ || size > bytes_.size() - offset_) {
      failed_ = true;
      return {};
    }
    offset_ += size;
    return bytes_.subspan(offset_ - size, size);
  }

  std::string get_string() {
    const std::span<const std::byte> bytes = get_raw(get<std::uint32_t>());
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }

  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] bool at_end() const noexcept { return offset_ == bytes_.size(); }
  // Everything was taken, and nothing was missing.
  [[nodiscard]] bool complete() const noexcept { return !failed_ && at_end(); }
  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }

 private:
  std::span<const std::byte> bytes_;
  std::size_t offset_ = 0;
  bool failed_ = false;
};

}  // namespace tidelock::manifest
