#include "agent/workload/key_chooser.h"

#include <algorithm>

#include "agent/workload/ycsb_hash.h"

namespace tidelock::agent {
namespace {

constexpr std::uint64_t kYcsbItems = 10'000'000'000;

}  // namespace

KeyChooser::KeyChooser(const KeyChoice& choice, const Population& population,
                       const Place& place) noexcept
    : choice_(choice),
      population_(population),
      count_(population.count()),
      position_(static_cast<std::uint32_t>(
          (std::uint64_t{count_} * place.writer / place.writers + place.done) % count_)),
      scrambled_over_(choice.scrambled_over != 0 ? choice.scrambled_over : count_),
      zipfian_(choice.order == KeyOrder::kScrambled ? kYcsbItems : count_) {}

std::uint32_t KeyChooser::next(Random& random) noexcept {
  if (const std::uint32_t count = population_.count(); count != count_) {
    count_ = count;
    if (choice_.order != KeyOrder::kScrambled) zipfian_ = Zipfian(count);
  }
  switch (choice_.order) {
    case KeyOrder::kUniform:
      return random.below(count_);
    case KeyOrder::kZipfian:
      return ranked(random);
    case KeyOrder::kScrambled:
      return scrambled(random);
    case KeyOrder::kLatest:
      return count_ - 1 - ranked(random);
    case KeyOrder::kHotspot:
      return hot(random);
    case KeyOrder::kWeighted:
      return choice_.weights->next(random);
    case KeyOrder::kSequential:
      break;
  }
  const std::uint32_t key = position_;
  position_ = position_ + 1 >= count_ ? 0 : position_ + 1;
  return key;
}

std::uint32_t KeyChooser::ranked(Random& random) const noexcept {
  return static_cast<std::uint32_t>(zipfian_.next(random));
}

std::uint32_t KeyChooser::scrambled(Random& random) const noexcept {
  for (;;) {
    const std::uint64_t key = ycsb_hash(zipfian_.next(random)) % scrambled_over_;
    if (key < count_) return static_cast<std::uint32_t>(key);
  }
}

std::uint32_t KeyChooser::hot(Random& random) const noexcept {
  const auto hot = static_cast<std::uint32_t>(static_cast<double>(count_) * choice_.hot_keys);
  const std::uint32_t first = std::clamp(hot, std::uint32_t{1}, count_);
  if (first == count_ || random.unit() < choice_.hot_operations) return random.below(first);
  return first + random.below(count_ - first);
}

}  // namespace tidelock::agent
