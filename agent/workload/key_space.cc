#include "agent/workload/key_space.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <compare>
#include <cstring>
#include <fstream>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "agent/workload/ycsb_hash.h"
#include "tidelock/options.h"

namespace tidelock::agent {

namespace {

constexpr std::uint32_t kDigitsMax = 19;  // of a number up to 2^63; 10^19 is a 64-bit number, too

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

std::uint64_t KeySpace::ycsb_number(std::uint32_t index) const noexcept {
  return names_ == KeyNames::kYcsbHashed ? ycsb_hash(index) : index;
}

std::string_view KeySpace::ycsb_name(std::uint32_t index, std::string& buffer) const {
  const std::uint64_t number = ycsb_number(index);
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
  if (ends_.empty()) return names_ == KeyNames::kPlain ? order : ycsb_order();
  std::string unused;
  std::sort(order.begin(), order.end(), [&](std::uint32_t left, std::uint32_t right) {
    return at(left, unused) < at(right, unused);
  });
  return order;
}

// Without making names of them: digits are in the order of the numbers that they are once all have
// as many, zeros behind; of those that are equal then, the shorter one is first.
std::vector<std::uint32_t> KeySpace::ycsb_order() const {
  struct Name {
    std::uint64_t digits;
    std::uint32_t length;
    std::uint32_t index;
    auto operator<=>(const Name&) const = default;
  };
  std::array<std::uint64_t, kDigitsMax + 1> power{1};
  for (std::size_t i = 1; i < power.size(); ++i) power[i] = power[i - 1] * 10;
  std::vector<Name> names;
  names.reserve(count_);
  for (std::uint32_t index = 0; index < count_; ++index) {
    const std::uint64_t number = ycsb_number(index);
    const auto above = std::upper_bound(power.begin() + 1, power.end(), number);
    const auto length = std::max(digits_, static_cast<std::uint32_t>(above - power.begin()));
    const std::uint32_t missing = kDigitsMax - std::min(length, kDigitsMax);
    names.push_back({.digits = number * power[missing], .length = length, .index = index});
  }
  std::sort(names.begin(), names.end());
  std::vector<std::uint32_t> order;
  order.reserve(count_);
  for (const Name& name : names) order.push_back(name.index);
  return order;
}

}  // namespace tidelock::agent
