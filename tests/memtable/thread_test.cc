// One writer and several readers over one mapping, for ThreadSanitizer above all.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "memtable/memtable.h"
#include "model.h"
#include "shared_arena.h"
#include "support/seed.h"

namespace tidelock::memtable {
namespace {

// Operations whose order is known beforehand, so that a reader knows what it must see.
struct Script {
  std::vector<Step> steps;  // step i has sequence number i + 1
  Model model;              // of all of them

  Script(std::mt19937_64& random, std::size_t size) {
    for (std::uint64_t sequence = 1; sequence <= size; ++sequence) {
      const std::size_t length = random() % 4;
      std::string key(length, '\0');
      for (char& c : key) c = static_cast<char>(random() % (length == 2 ? 256 : 6));
      if (random() % 8 == 0) key = "a long shared prefix " + key;
      Step step{sequence, OperationKind::kPut, key, std::to_string(sequence)};
      if (random() % 6 == 0) step = {sequence, OperationKind::kErase, key, ""};
      steps.push_back(step);
      model.apply(step);
    }
  }
};

// What the threads share: the sequence number up to which all is visible, as in STATE.
struct Race {
  const Script& script;
  Memtable memtable;
  std::atomic<std::uint64_t> visible{0};
  std::atomic<std::size_t> failures{0};

  // Pairs with the release in write.
  [[nodiscard]] std::uint64_t now() const { return visible.load(std::memory_order_acquire); }
  [[nodiscard]] bool over() const { return now() == script.steps.size(); }
  void expect(const testing::AssertionResult& holds) {
    if (holds) return;
    if (failures.fetch_add(1) == 0) ADD_FAILURE() << holds.message();
  }
};

void write(Race& race, const MemtableWriter& writer) {
  for (const Step& step : race.script.steps) {
    const Result<Applied> applied = writer.insert(step.operation());
    if (!applied) race.expect(testing::AssertionFailure() << applied.error().to_string());
    // Pairs with the acquire in now.
    race.visible.store(step.sequence, std::memory_order_release);
  }
}

void look_up(Race& race, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  do {
    const Step& some = race.script.steps[random() % race.script.steps.size()];
    const std::uint64_t at = race.now();
    race.expect(finds(race.memtable, some.key, at, race.script.model.find(some.key, at)));
  } while (!race.over());
}

void walk(Race& race, bool forward) {
  do {
    const std::uint64_t at = race.now();
    const std::vector<const Step*> expected = race.script.model.all(at);
    MemtableIterator it = race.memtable.iterate(at);
    forward ? it.seek_first() : it.seek_last();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      race.expect(yields(it, expected[forward ? i : expected.size() - 1 - i]));
      if (!it.valid()) return;
      forward ? it.next() : it.previous();
    }
    race.expect(yields(it, nullptr));
  } while (!race.over());
}

void verify(Race& race) {
  do {
    race.expect(is_sound(race.memtable));
  } while (!race.over());
}

TEST(MemtableThreads, SeeAllAndOnlyWhatTheirSequenceNumberAllows) {
  std::mt19937_64 random(test::random_seed());
  const Script script(random, 20'000);
  const SharedArena arena(16 << 20);
  Race race{.script = script, .memtable = arena.reader()};
  std::vector<std::thread> readers;
  readers.emplace_back(look_up, std::ref(race), random());
  readers.emplace_back(look_up, std::ref(race), random());
  readers.emplace_back(walk, std::ref(race), true);
  readers.emplace_back(walk, std::ref(race), false);
  readers.emplace_back(verify, std::ref(race));
  write(race, arena.writer());
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(race.failures.load(), 0U);
  EXPECT_TRUE(is_sound(arena.reader()));
  EXPECT_TRUE(agrees(arena.reader(), script.model, kAllSequences));
}

}  // namespace
}  // namespace tidelock::memtable
