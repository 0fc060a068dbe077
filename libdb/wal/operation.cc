#include "wal/operation.h"

namespace tidelock::wal {

namespace {

constexpr std::byte kKeyspace{0};
constexpr int kVarintBits = 7;
constexpr std::uint64_t kVarintMore = 0x80;

std::byte* put_varint(std::byte* out, std::uint64_t value) {
  for (; value >= kVarintMore; value >>= kVarintBits) {
    *out++ = static_cast<std::byte>(value | kVarintMore);
  }
  *out++ = static_cast<std::byte>(value);
  return out;
}

void append(std::string& payload, std::span<const std::byte> bytes) {
  payload.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

OperationFrame::OperationFrame(const Operation& operation) {
  std::byte* out = bytes_.data();
  *out++ = static_cast<std::byte>(operation.kind);
  *out++ = kKeyspace;
  std::byte* const middle = put_varint(out, operation.key.size());
  std::byte* const end =
      operation.kind == OperationKind::kPut ? put_varint(middle, operation.value.size()) : middle;
  opening_size_ = static_cast<std::uint8_t>(middle - bytes_.data());
  middle_size_ = static_cast<std::uint8_t>(end - middle);
}

void append_operation(std::string& payload, const Operation& operation) {
  const OperationFrame frame(operation);
  payload.reserve(payload.size() + encoded_size(operation));
  append(payload, frame.opening());
  payload.append(operation.key);
  append(payload, frame.middle());
  payload.append(operation.value);
}

std::size_t encoded_size(const Operation& operation) {
  const OperationFrame frame(operation);
  return frame.opening().size() + operation.key.size() + frame.middle().size() +
         operation.value.size();
}

bool OperationReader::fail(StatusCode code, const std::string& what) {
  status_ = Status(code, "read operation: " + what);
  rest_ = {};
  left_ = 0;
  return false;
}

// Sizes beyond the payload end here, so 5 bytes are all that a size can need.
bool OperationReader::take_size(std::uint64_t& size) {
  size = 0;
  for (int shift = 0; shift < 5 * kVarintBits && !rest_.empty(); shift += kVarintBits) {
    const auto byte = static_cast<std::uint64_t>(rest_.front());
    rest_ = rest_.subspan(1);
    size |= (byte & (kVarintMore - 1)) << shift;
    if (byte < kVarintMore) return true;
  }
  return fail(StatusCode::kCorruption, "a number is cut off or too large");
}

bool OperationReader::take_bytes(std::string_view& bytes) {
  std::uint64_t size = 0;
  if (!take_size(size)) return false;
  if (size > rest_.size()) {
    return fail(StatusCode::kCorruption, std::to_string(size) + " bytes expected, " +
                                             std::to_string(rest_.size()) + " left");
  }
  bytes = {reinterpret_cast<const char*>(rest_.data()), static_cast<std::size_t>(size)};
  rest_ = rest_.subspan(static_cast<std::size_t>(size));
  return true;
}

bool OperationReader::next() {
  if (left_ == 0) {
    if (!rest_.empty()) {
      return fail(StatusCode::kCorruption, std::to_string(rest_.size()) + " bytes too many");
    }
    return false;
  }
  if (rest_.empty()) {
    return fail(StatusCode::kCorruption, std::to_string(left_) + " operations missing");
  }
  --left_;
  const auto kind = static_cast<std::uint8_t>(rest_.front());
  rest_ = rest_.subspan(1);
  operation_ = {.kind = static_cast<OperationKind>(kind)};
  if (operation_.kind != OperationKind::kPut && operation_.kind != OperationKind::kErase) {
    return fail(StatusCode::kUnsupported, "unknown kind " + std::to_string(kind));
  }
  std::uint64_t keyspace = 0;
  if (!take_size(keyspace)) return false;
  if (keyspace != 0) {
    return fail(StatusCode::kUnsupported, "unknown keyspace " + std::to_string(keyspace));
  }
  if (!take_bytes(operation_.key)) return false;
  return operation_.kind == OperationKind::kErase || take_bytes(operation_.value);
}

}  // namespace tidelock::wal
