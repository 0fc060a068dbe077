#include "agent/workload/value.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "agent/random.h"

namespace tidelock::agent {
namespace {

constexpr std::size_t kRunDigits = 8, kWriterDigits = 4, kCounterDigits = 12;
static_assert(kRunDigits + kWriterDigits + kCounterDigits == kValueSizeMin);

void write_hex(char* to, std::size_t digits, std::uint64_t number) noexcept {
  for (std::size_t i = digits; i-- > 0; number >>= 4) to[i] = "0123456789abcdef"[number & 15];
}

bool read_hex(std::string_view from, std::uint64_t& number) noexcept {
  number = 0;
  for (const char c : from) {
    std::uint64_t digit;
    if (c >= '0' && c <= '9') {
      digit = static_cast<std::uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<std::uint64_t>(c - 'a') + 10;
    } else {
      return false;
    }
    number = number << 4 | digit;
  }
  return true;
}

// The size of a value, and the filling behind its stamp: of each stretch the first bytes are
// random, the others repeat the first word. Where the stamp does not say the size, the filling
// depends on it, so that a value that was cut short is told from a whole one.
class Filling {
 public:
  Filling(const Stamp& stamp, std::uint32_t key, const ValueShape& shape, std::size_t size) noexcept
      : random_(mix(std::uint64_t{stamp.run} << 32 | key) ^
                (std::uint64_t{stamp.writer} << 48 | stamp.counter) ^
                (shape.any_size ? mix(std::max(size, kAnySizeMin)) : 0)),
        size_(shape.any_size ? std::max(size, kAnySizeMin) : shape.sizes.next(random_)),
        random_words_(std::max(1L, std::lround(shape.ratio * kStretch))) {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  std::uint64_t next() noexcept {
    const long place = place_;
    place_ = place + 1 == kStretch ? 0 : place + 1;
    if (place >= random_words_) return repeated_;
    const std::uint64_t word = random_.next();
    if (place == 0) repeated_ = word;
    return word;
  }

 private:
  static constexpr long kStretch = 16;  // words

  Random random_;
  const std::size_t size_;
  const long random_words_;
  long place_ = 0;
  std::uint64_t repeated_ = 0;
};

}  // namespace

void write_value(const Stamp& stamp, std::uint32_t key, const ValueShape& shape, std::string& value,
                 std::size_t size) {
  Filling filling(stamp, key, shape, size);
  size = filling.size();
  value.resize(size);
  write_hex(value.data(), kRunDigits, stamp.run);
  write_hex(value.data() + kRunDigits, kWriterDigits, stamp.writer);
  write_hex(value.data() + kRunDigits + kWriterDigits, kCounterDigits, stamp.counter);
  for (std::size_t at = kValueSizeMin; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = filling.next();
    std::memcpy(value.data() + at, &word, std::min(sizeof word, size - at));
  }
}

std::optional<Stamp> read_stamp(std::string_view value) noexcept {
  if (value.size() < kValueSizeMin) return std::nullopt;
  std::uint64_t run, writer, counter;
  if (!read_hex(value.substr(0, kRunDigits), run) ||
      !read_hex(value.substr(kRunDigits, kWriterDigits), writer) ||
      !read_hex(value.substr(kRunDigits + kWriterDigits, kCounterDigits), counter)) {
    return std::nullopt;
  }
  return Stamp{.run = static_cast<std::uint32_t>(run),
               .writer = static_cast<std::uint16_t>(writer),
               .counter = counter};
}

bool intact(std::string_view value, const Stamp& stamp, std::uint32_t key,
            const ValueShape& shape) noexcept {
  Filling filling(stamp, key, shape, value.size());
  const std::size_t size = filling.size();
  if (value.size() != size || read_stamp(value) != stamp) return false;
  for (std::size_t at = kValueSizeMin; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = filling.next();
    if (std::memcmp(value.data() + at, &word, std::min(sizeof word, size - at)) != 0) return false;
  }
  return true;
}

}  // namespace tidelock::agent
