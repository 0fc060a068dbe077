#include "agent/workload/key_space.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "tidelock/options.h"

namespace tidelock::agent {

namespace {

// The hash by which YCSB spreads records: FNV of the number's eight bytes, as a positive number.
std::uint64_t ycsb_hash(std::uint64_t number) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (int i = 0; i < 8; ++i, number >>= 8) hash = (hash ^ (number & 0xff)) * 0x100000001b3;
  const auto positive = static_cast<std::int64_t>(hash);
  return positive < 0 ? ~hash + 1 : hash;
}

}  // namespace

KeySpace KeySpace::generated(std::uint32_t count, KeyNames names, std::uint32_t digits) {
  KeySpace keys;
  keys.count_ = count;
  keys.names_ = names;
  keys.digits_ = digits;
  return keys;
}

Result<KeySpace> KeySpace::from_file(const std::string& path, std::uint32_t count_max) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const StatusCode code = errno == ENOENT ? StatusCode::kNotFound : StatusCode::kIo;
    return Status(code, "open " + path + ": " + std::strerror(errno));
  }
  KeySpace keys;
  std::unordered_set<std::string> seen;
  std::string line;
  while ((count_max == 0 || keys.count_ < count_max) && std::getline(file, line)) {
    if (line.size() > kKeySizeMax) {
      return Status(StatusCode::kTooLarge, path + ": a line of " + std::to_string(line.size()) +
                                               " bytes; a key has at most " +
                                               std::to_string(kKeySizeMax));
    }
    if (line.empty() || !seen.insert(line).second) continue;
    keys.bytes_ += line;
    keys.ends_.push_back(keys.bytes_.size());
    ++keys.count_;
  }
  if (file.bad()) return Status(StatusCode::kIo, "read " + path + ": " + std::strerror(errno));
  if (keys.count_ == 0) return Status(StatusCode::kInvalid, path + " holds no key");
  return keys;
}

KeySpace KeySpace::from_names(std::span<const std::string> names) {
  KeySpace keys;
  for (const std::string& name : names) {
    keys.bytes_ += name;
    keys.ends_.push_back(keys.bytes_.size());
  }
  keys.count_ = static_cast<std::uint32_t>(names.size());
  return keys;
}

std::string_view KeySpace::at(std::uint32_t index, std::string& buffer) const {
  if (!ends_.empty()) {
    const std::uint64_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(bytes_).substr(begin, ends_[index] - begin);
  }
  if (names_ != KeyNames::kPlain) return ycsb_name(index, buffer);
  buffer.assign("key0000000000000");
  for (std::size_t digit = buffer.size(); index != 0; index /= 10) {
    buffer[--digit] = static_cast<char>('0' + index % 10);
  }
  return buffer;
}

std::string_view KeySpace::ycsb_name(std::uint32_t index, std::string& buffer) const {
  const std::uint64_t number = names_ == KeyNames::kYcsbHashed ? ycsb_hash(index) : index;
  char text[20];
  const char* const end = std::to_chars(text, text + sizeof text, number).ptr;
  const auto length = static_cast<std::size_t>(end - text);
  buffer.assign("user");
  if (length < digits_) buffer.append(digits_ - length, '0');
  buffer.append(text, length);
  return buffer;
}

std::vector<std::uint32_t> KeySpace::in_byte_order() const {
  std::vector<std::uint32_t> order(count_);
  std::iota(order.begin(), order.end(), 0u);
  if (ends_.empty() && names_ == KeyNames::kPlain) return order;
  std::string left_buffer, right_buffer;
  std::sort(order.begin(), order.end(), [&](std::uint32_t left, std::uint32_t right) {
    return at(left, left_buffer) < at(right, right_buffer);
  });
  return order;
}

}  // namespace tidelock::agent
