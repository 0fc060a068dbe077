#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "memtable/memtable.h"

namespace tidelock::memtable {

// An operation that owns its bytes.
struct Step {
  std::uint64_t sequence = 0;
  OperationKind kind = OperationKind::kPut;
  std::string key;
  std::string value;

  [[nodiscard]] Operation operation() const { return {sequence, kind, key, value}; }
};

// What a memtable should hold, in the plainest form.
class Model {
 public:
  using Versions = std::map<std::uint64_t, Step>;

  void apply(const Step& step) {
    Versions& versions = keys_[step.key];
    if (versions.empty() || versions.rbegin()->first < step.sequence) {
      versions.emplace(step.sequence, step);
    }
  }
  // The version a reader at `sequence_max` gets, or null.
  [[nodiscard]] const Step* find(const std::string& key, std::uint64_t sequence_max) const {
    const auto at = keys_.find(key);
    return at == keys_.end() ? nullptr : visible(at->second, sequence_max);
  }
  // All that a reader at `sequence_max` gets, in order.
  [[nodiscard]] std::vector<const Step*> all(std::uint64_t sequence_max) const {
    std::vector<const Step*> steps;
    for (const auto& [key, versions] : keys_) {
      if (const Step* step = visible(versions, sequence_max)) steps.push_back(step);
    }
    return steps;
  }
  [[nodiscard]] const std::map<std::string, Versions>& keys() const { return keys_; }

 private:
  static const Step* visible(const Versions& versions, std::uint64_t sequence_max) {
    const auto above = versions.upper_bound(sequence_max);
    return above == versions.begin() ? nullptr : &std::prev(above)->second;
  }

  std::map<std::string, Versions> keys_;
};

inline std::string shown(std::string_view bytes) {
  std::string text;
  for (const char c : bytes.substr(0, 24)) {
    if (c > ' ' && c < '\x7f') {
      text += c;
    } else {
      const char* const digits = "0123456789abcdef";
      const auto byte = static_cast<unsigned char>(c);
      text += {'\\', digits[byte / 16], digits[byte % 16]};
    }
  }
  if (bytes.size() > 24) text += "... of " + std::to_string(bytes.size()) + " bytes";
  return text;
}

inline testing::AssertionResult yields(const MemtableIterator& it, const Step* step) {
  if (!it.status().ok()) return testing::AssertionFailure() << it.status().to_string();
  if (step == nullptr) {
    if (!it.valid()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "yields " << shown(it.key()) << " behind the end";
  }
  if (!it.valid()) return testing::AssertionFailure() << "ends before " << shown(step->key);
  if (it.key() == step->key && it.value() == step->value && it.kind() == step->kind &&
      it.sequence() == step->sequence && it.verify_entry().ok()) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure()
         << "yields " << shown(it.key()) << " of " << it.sequence() << ", expected "
         << shown(step->key) << " of " << step->sequence;
}

inline testing::AssertionResult finds(const Memtable& memtable, const std::string& key,
                                      std::uint64_t sequence_max, const Step* step) {
  const Result<Lookup> found = memtable.lookup(key, sequence_max);
  if (!found) return testing::AssertionFailure() << found.error().to_string();
  const Lookup::Kind kind = step == nullptr                       ? Lookup::Kind::kMissing
                            : step->kind == OperationKind::kErase ? Lookup::Kind::kTombstone
                                                                  : Lookup::Kind::kValue;
  if (found->kind == kind &&
      (step == nullptr || (found->sequence == step->sequence && found->value == step->value))) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "lookup of " << shown(key) << " at " << sequence_max;
}

// That lookups and walks both ways at `sequence_max` agree with the model.
inline testing::AssertionResult agrees(const Memtable& memtable, const Model& model,
                                       std::uint64_t sequence_max) {
  for (const auto& [key, versions] : model.keys()) {
    if (auto found = finds(memtable, key, sequence_max, model.find(key, sequence_max)); !found) {
      return found;
    }
  }
  const std::vector<const Step*> expected = model.all(sequence_max);
  MemtableIterator it = memtable.iterate(sequence_max);
  it.seek_first();
  for (const Step* step : expected) {
    if (auto same = yields(it, step); !same) return same << ", forward";
    it.next();
  }
  if (auto ended = yields(it, nullptr); !ended) return ended << ", forward";
  it.seek_last();
  for (auto step = expected.rbegin(); step != expected.rend(); ++step) {
    if (auto same = yields(it, *step); !same) return same << ", backward";
    it.previous();
  }
  return yields(it, nullptr);
}

inline testing::AssertionResult is_sound(const Memtable& memtable) {
  const Status status = memtable.verify();
  if (status.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << status.to_string();
}

}  // namespace tidelock::memtable
