#include "agent/value.h"

#include <algorithm>
#include <cstring>

#include "agent/random.h"
#include "agent/settings.h"

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

// The filling behind the stamp, eight bytes at a time.
class Filling {
 public:
  Filling(const Stamp& stamp, std::uint32_t key) noexcept
      : random_(mix(std::uint64_t{stamp.run} << 32 | key) ^
                (std::uint64_t{stamp.writer} << 48 | stamp.counter)) {}
  std::uint64_t next() noexcept { return random_.next(); }

 private:
  Random random_;
};

}  // namespace

void write_value(const Stamp& stamp, std::uint32_t key, std::size_t size, std::string& value) {
  value.resize(size);
  write_hex(value.data(), kRunDigits, stamp.run);
  write_hex(value.data() + kRunDigits, kWriterDigits, stamp.writer);
  write_hex(value.data() + kRunDigits + kWriterDigits, kCounterDigits, stamp.counter);
  Filling filling(stamp, key);
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
            std::size_t size) noexcept {
  if (value.size() != size || read_stamp(value) != stamp) return false;
  Filling filling(stamp, key);
  for (std::size_t at = kValueSizeMin; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = filling.next();
    if (std::memcmp(value.data() + at, &word, std::min(sizeof word, size - at)) != 0) return false;
  }
  return true;
}

}  // namespace tidelock::agent
