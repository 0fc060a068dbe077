#include "agent/key_space.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "tidelock/options.h"

namespace tidelock::agent {

KeySpace KeySpace::generated(std::uint32_t count) {
  KeySpace keys;
  keys.count_ = count;
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

std::string_view KeySpace::at(std::uint32_t index, std::string& buffer) const {
  if (!ends_.empty()) {
    const std::uint64_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(bytes_).substr(begin, ends_[index] - begin);
  }
  buffer.assign("key0000000000000");
  for (std::size_t digit = buffer.size(); index != 0; index /= 10) {
    buffer[--digit] = static_cast<char>('0' + index % 10);
  }
  return buffer;
}

std::vector<std::uint32_t> KeySpace::in_byte_order() const {
  std::vector<std::uint32_t> order(count_);
  std::iota(order.begin(), order.end(), 0u);
  if (ends_.empty()) return order;
  std::string unused;
  std::sort(order.begin(), order.end(), [&](std::uint32_t left, std::uint32_t right) {
    return at(left, unused) < at(right, unused);
  });
  return order;
}

}  // namespace tidelock::agent
