#pragma once

#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "model/trace.h"
#include "tidelock/status.h"

// What an operation answered, in words that are the same for every store and every setting.
namespace tidelock::test {

class Answer {
 public:
  void say(std::string_view word) { text_.append(word).push_back(' '); }
  // What the message says differs: paths, names of options.
  void say(const Status& status) {
    if (!status.ok()) trouble_ = status.to_string();
    say(to_string(status.code()));
  }
  void say_bytes(std::string_view bytes) {
    say(std::to_string(bytes.size()) + ":" + std::string(bytes.substr(0, 12)) + "#" +
        std::to_string(XXH3_64bits(bytes.data(), bytes.size())));
  }
  void say_entry(std::string_view key, std::string_view value) {
    say_bytes(key);
    say_bytes(value);
  }
  template <typename Bytes>
  void say_value(const std::optional<Bytes>& value) {
    if (!value) return say("nothing");
    say_bytes(*value);
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  // The message of the last status that was not ok: for people.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  std::string text_;
  std::string trouble_;
};

// As kept for comparison, in memory that processes share.
struct Record {
  std::uint64_t hash = 0;
  std::uint64_t length = 0;
  char beginning[48] = {};

  Record() = default;
  explicit Record(const std::string& text)
      : hash(XXH3_64bits(text.data(), text.size())), length(text.size()) {
    std::memcpy(beginning, text.data(), std::min(text.size(), sizeof beginning - 1));
  }
  bool operator==(const Record& other) const {
    return hash == other.hash && length == other.length;
  }
};

// Steps to and fro, as the operation draws them. `Cursor`: the interface of Iterator.
template <typename Cursor>
void walk(Cursor& at, const Operation& operation, Answer& answer) {
  std::uint64_t draw = operation.draw;
  switch (draw % 5) {
    case 0:
      at.seek_first();
      break;
    case 1:
      at.seek_last();
      break;
    case 2:
      at.seek(operation.key);
      break;
    case 3:
      at.seek_before(operation.key);
      break;
    default:  // unpositioned
      break;
  }
  const bool backward = draw / 5 % 2 == 0;
  for (std::uint64_t steps = draw / 10 % 20; steps > 0; --steps) {
    draw = draw / 2 ^ draw << 63;
    if ((draw % 4 == 0) != backward) {
      at.prev();
    } else {
      at.next();
    }
    if (at.valid()) {
      answer.say_entry(at.key(), at.value());
    } else {
      answer.say("end");
    }
  }
}

template <typename Cursor>
void scan(Cursor& at, const Operation& operation, Answer& answer) {
  if (operation.draw % 2 == 0) {
    for (at.seek_first(); at.valid(); at.next()) answer.say_entry(at.key(), at.value());
  } else {
    for (at.seek_last(); at.valid(); at.prev()) answer.say_entry(at.key(), at.value());
  }
}

// The bounds of a walk: none, one or both, or a beginning of keys.
struct Bounds {
  std::optional<std::string> lower;
  std::optional<std::string> upper;
  std::string prefix;
};

[[nodiscard]] inline Bounds bounds_of(const Operation& operation) {
  Bounds bounds;
  const std::uint64_t draw = operation.draw / 1'000;
  if (draw % 3 == 0) bounds.lower = std::min(operation.key, operation.other);
  if (draw % 4 == 0) bounds.upper = std::max(operation.key, operation.other);
  if (draw % 7 == 0) bounds.prefix = operation.other.substr(0, 3);
  return bounds;
}

// What a put_if expects, given the key's value: that, another, or none.
[[nodiscard]] inline std::optional<std::string> expected_of(const Operation& operation,
                                                            const std::optional<std::string>& now) {
  if (operation.draw % 3 == 0) return now;
  return operation.draw % 3 == 1 ? std::optional(std::string("never a value")) : std::nullopt;
}
// Whether what it makes of the key is nothing.
[[nodiscard]] inline bool erases(const Operation& operation) {
  return operation.draw / 3 % 4 == 0;
}

}  // namespace tidelock::test
