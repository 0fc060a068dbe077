#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tidelock/status.h"

// Puts and erases as a record's payload holds them, one behind the other:
//
//   kind      1 byte    1 put, 2 erase
//   keyspace  varint    0
//   key       varint size, bytes
//   value     varint size, bytes   (put only)
//
// A varint holds 7 bits a byte, lowest first, the top bit set on all bytes but the last.
namespace tidelock::wal {

enum class OperationKind : std::uint8_t { kPut = 1, kErase = 2 };  // on disk: never renumber

// `key` and `value` view the payload.
struct Operation {
  OperationKind kind = OperationKind::kPut;
  std::uint32_t keyspace = 0;
  std::string_view key{};
  std::string_view value{};
};

inline constexpr std::size_t kOperationSizeMin = 3;  // an erase of the empty key

// The bytes of an encoded operation around its key and value, so that it can be written piece by
// piece: opening, key, middle, value.
class OperationFrame {
 public:
  explicit OperationFrame(const Operation& operation);
  [[nodiscard]] std::span<const std::byte> opening() const {
    return std::span(bytes_).first(opening_size_);
  }
  [[nodiscard]] std::span<const std::byte> middle() const {
    return std::span(bytes_).subspan(opening_size_, middle_size_);
  }

 private:
  std::array<std::byte, 24> bytes_;
  std::uint8_t opening_size_;
  std::uint8_t middle_size_;
};

// Preconditions here and above: keyspace 0, and no value in an erase. Either all of the operation
// is appended or, where memory runs out, nothing.
void append_operation(std::string& payload, const Operation& operation);
// What append_operation adds, in bytes.
[[nodiscard]] std::size_t encoded_size(const Operation& operation);

// Walks a payload of `count` operations. Trusts no byte of it: whatever the payload holds, what is
// yielded lies inside it.
class OperationReader {
 public:
  OperationReader(std::span<const std::byte> payload, std::uint32_t count)
      : rest_(payload), left_(count) {}

  // False at the end and at an error; `status` tells them apart.
  [[nodiscard]] bool next();
  // The one that `next` found; valid until its next call, its views as long as the payload.
  [[nodiscard]] const Operation& operation() const noexcept { return operation_; }
  // kUnsupported for a kind or keyspace this library does not know, naming it; kCorruption for
  // operations that do not fill the payload exactly.
  [[nodiscard]] const Status& status() const noexcept { return status_; }

 private:
  bool fail(StatusCode code, const std::string& what);
  bool take_size(std::uint64_t& size);
  bool take_bytes(std::string_view& bytes);

  std::span<const std::byte> rest_;
  std::uint32_t left_;
  Operation operation_;
  Status status_;
};

}  // namespace tidelock::wal
