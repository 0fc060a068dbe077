// Random operations against the model, at all sequence numbers, both ways.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <string>

#include "memtable/memtable.h"
#include "model.h"
#include "shared_arena.h"
#include "support/seed.h"

namespace tidelock::memtable {
namespace {

using KeySource = std::function<std::string(std::mt19937_64&)>;

std::string random_bytes(std::mt19937_64& random, std::size_t length, unsigned alphabet) {
  std::string bytes(length, '\0');
  for (char& c : bytes) c = static_cast<char>(random() % alphabet);
  return bytes;
}

// Compares one random position of a random iterator with the model.
void check_a_seek(const Memtable& memtable, const Model& model, const std::string& target,
                  std::uint64_t sequence_max) {
  const std::vector<const Step*> all = model.all(sequence_max);
  const auto at =
      std::lower_bound(all.begin(), all.end(), target,
                       [](const Step* step, const std::string& key) { return step->key < key; });
  MemtableIterator it = memtable.iterate(sequence_max);
  it.seek(target);
  ASSERT_TRUE(yields(it, at == all.end() ? nullptr : *at));
  if (it.valid()) {
    it.previous();
    ASSERT_TRUE(yields(it, at == all.begin() ? nullptr : *std::prev(at)));
  }
  it.seek_before(target);
  ASSERT_TRUE(yields(it, at == all.begin() ? nullptr : *std::prev(at)));
  if (it.valid()) {
    it.next();
    ASSERT_TRUE(yields(it, at == all.end() ? nullptr : *at));
  }
}

void run(const KeySource& key_source, std::size_t operations) {
  std::mt19937_64 random(test::random_seed());
  const SharedArena arena(64 << 20);
  const MemtableWriter writer = arena.writer();
  Model model;
  std::uint64_t sequence = 0;
  for (std::size_t i = 0; i < operations; ++i) {
    Step step{sequence += 1 + random() % 3, OperationKind::kPut, key_source(random),
              random_bytes(random, random() % 30, 256)};
    if (random() % 5 == 0) {
      step.kind = OperationKind::kErase;
      step.value.clear();
    }
    ASSERT_TRUE(writer.insert(step.operation()));
    model.apply(step);
    if (i % (operations / 50) == 0) {
      ASSERT_NO_FATAL_FAILURE(
          check_a_seek(arena.reader(), model, key_source(random),
                       random() % 2 == 0 ? kAllSequences : random() % (sequence + 1)));
    }
  }
  ASSERT_TRUE(is_sound(arena.reader()));
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(agrees(arena.reader(), model, random() % (sequence + 1)));
  }
  ASSERT_TRUE(agrees(arena.reader(), model, kAllSequences));
}

TEST(MemtableModel, HoldsForFewShortKeys) {
  run([](auto& random) { return random_bytes(random, random() % 4, 3); }, 4'000);
}

TEST(MemtableModel, HoldsForLongSharedPrefixes) {
  run([](auto& random) { return random_bytes(random, random() % 40, 2); }, 4'000);
}

TEST(MemtableModel, HoldsForRandomBytes) {
  run([](auto& random) { return random_bytes(random, 1 + random() % 20, 256); }, 5'000);
}

TEST(MemtableModel, HoldsForDenseKeys) {
  run([](auto& random) { return random_bytes(random, 2, 256); }, 5'000);
}

TEST(MemtableModel, HoldsForDecimalNumbers) {
  run([](auto& random) { return std::to_string(random() % 5'000); }, 5'000);
}

TEST(MemtableModel, HoldsForVeryLongKeys) {
  run(
      [](auto& random) {
        return std::string(random() % 4 * 500, 'x') + random_bytes(random, random() % 3, 4) +
               std::string(random() % 3 * 700, 'y');
      },
      2'000);
}

}  // namespace
}  // namespace tidelock::memtable
