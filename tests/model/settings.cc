#include "model/settings.h"

#include <initializer_list>

namespace tidelock::test {

namespace {

using enum Durability;
using enum Background;
using enum Again;
using enum Wait::Policy;

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kKiB = 1024;

FixedOptions fixed(std::size_t memtable_size, std::size_t block_size, Compression compression,
                   std::uint32_t bloom_bits, CompactionStyle style = CompactionStyle::kLeveled) {
  return {memtable_size, block_size, compression, bloom_bits, style};
}

constexpr auto kPlain = Compression::kNone;
constexpr auto kLz4 = Compression::kLz4;
constexpr auto kZstd = Compression::kZstd;
constexpr auto kManual = CompactionStyle::kManual;
constexpr auto kStrict = Handover::kStrict;
const FixedOptions kUsual = fixed(6 * kMiB, 4 * kKiB, kPlain, 10);
const FixedOptions kSmall = fixed(kMiB, 512, kPlain, 10);

// Of the files, and of one process.
std::vector<Setting> alone() {
  return {
      {.name = "usual", .fixed = kUsual},
      {.name = "nothing in the background", .fixed = kUsual, .background = kNone},
      {.name = "small", .fixed = kSmall},
      {.name = "small, by the writer", .fixed = kSmall, .background = kNone},
      {.name = "small, for upkeep", .fixed = kSmall, .background = kUpkeep},
      {.name = "tiny blocks", .fixed = fixed(kMiB, 256, kPlain, 0), .background = kNone},
      {.name = "huge blocks", .fixed = fixed(2 * kMiB, kMiB, kPlain, 32), .background = kNone},
      {.name = "lz4", .fixed = fixed(kMiB, 1 * kKiB, kLz4, 10)},
      {.name = "lz4, no filter", .fixed = fixed(kMiB, 16 * kKiB, kLz4, 0), .background = kNone},
      {.name = "zstd", .fixed = fixed(kMiB, 4 * kKiB, kZstd, 10), .background = kNone},
      {.name = "zstd, one bit", .fixed = fixed(2 * kMiB, 64 * kKiB, kZstd, 1)},
      {.name = "manual", .fixed = fixed(kMiB, 4 * kKiB, kPlain, 10, kManual), .background = kNone},
      {.name = "durable", .fixed = kSmall, .durability = kDurable},
      {.name = "durable, on disk",
       .fixed = fixed(2 * kMiB, 4 * kKiB, kPlain, 10),
       .durability = kDurable,
       .where = Where::kDisk,
       .part = 6},
      {.name = "on disk", .fixed = kSmall, .background = kNone, .where = Where::kDisk, .part = 2},
      {.name = "periodic", .fixed = kSmall, .durability = kPeriodic},
      {.name = "periodic, by the caller",
       .fixed = kSmall,
       .durability = kPeriodic,
       .background = kNone},
  };
}

// Of how processes come and go.
std::vector<Setting> together() {
  return {
      {.name = "all close", .fixed = kSmall, .again = kAll, .restless = true},
      {.name = "rebuilt", .fixed = kSmall, .background = kNone, .again = kRebuild},
      {.name = "rebuilt, never flushed", .fixed = kUsual, .background = kNone, .again = kRebuild},
      {.name = "copied", .fixed = kSmall, .background = kNone, .again = kCopy, .restless = true},
      {.name = "copied, durable",
       .fixed = kUsual,
       .durability = kDurable,
       .background = kNone,
       .again = kCopy},
      {.name = "killed", .fixed = kSmall, .background = kNone, .again = kKill},
      {.name = "two", .fixed = kSmall, .processes = 2, .restless = true},
      {.name = "three, passive, fail-fast",
       .fixed = fixed(kMiB, 2 * kKiB, kLz4, 10),
       .background = kNone,
       .wait = kFailFast,
       .processes = 3,
       .again = kKill},
      {.name = "four, backoff, rebuilt",
       .fixed = fixed(2 * kMiB, 4 * kKiB, kZstd, 10),
       .wait = kBackoff,
       .handover = kStrict,
       .processes = 4,
       .again = kRebuild},
      {.name = "three, strict, copied, durable",
       .fixed = kSmall,
       .durability = kDurable,
       .background = kNone,
       .handover = kStrict,
       .processes = 3,
       .again = kCopy},
  };
}

template <typename T>
T one_of(std::mt19937_64& random, std::initializer_list<T> values) {
  return *(values.begin() + random() % values.size());
}

}  // namespace

std::vector<Setting> settings_by_hand() {
  std::vector<Setting> all = alone();
  for (Setting& setting : together()) all.push_back(std::move(setting));
  return all;
}

Setting drawn_setting(std::mt19937_64& random) {
  Setting made;
  made.fixed =
      fixed(one_of(random, {kMiB, kMiB + 4'097, 3 * kMiB}),
            256 + random() % one_of<std::size_t>(random, {1'000, 20'000, kMiB - 256}),
            static_cast<Compression>(random() % 3), static_cast<std::uint32_t>(random() % 33),
            static_cast<CompactionStyle>(random() % 2));
  made.durability = static_cast<Durability>(random() % 3);
  made.background = static_cast<Background>(random() % 3);
  made.wait = static_cast<Wait::Policy>(random() % 3);
  made.handover = static_cast<Handover>(random() % 2);
  made.processes = 1 + random() % 3;
  made.again = static_cast<Again>(random() % 5);
  // A copy that is made while a thread goes on is not of one moment.
  if (made.again == Again::kCopy) made.background = Background::kNone;
  made.restless = random() % 2 == 0;
  made.name = "drawn: block " + std::to_string(*made.fixed.block_size) + ", compression " +
              std::to_string(static_cast<int>(*made.fixed.compression)) + ", bits " +
              std::to_string(*made.fixed.bloom_bits_per_key) + ", durability " +
              std::to_string(static_cast<int>(made.durability)) + ", background " +
              std::to_string(static_cast<int>(made.background)) + ", wait " +
              std::to_string(static_cast<int>(made.wait)) + ", processes " +
              std::to_string(made.processes) + ", again " +
              std::to_string(static_cast<int>(made.again));
  return made;
}

}  // namespace tidelock::test
