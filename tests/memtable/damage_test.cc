// Whatever an arena holds: nothing crashes, nothing hangs, damage is told.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "memtable/memtable.h"
#include "model.h"
#include "shared_arena.h"
#include "support/seed.h"

namespace tidelock::memtable {
namespace {

constexpr std::uint64_t kSize = 64 << 10;

// A small arena with all kinds of nodes, long paths, versions and tombstones.
class Victim {
 public:
  Victim() : sound_(kSize), arena_(kSize) {
    std::uint64_t sequence = 0;
    const auto put = [&](std::string key) {
      apply({++sequence, OperationKind::kPut, std::move(key), std::to_string(sequence)});
    };
    for (int i = 0; i < 60; ++i) put({'n', static_cast<char>(i * 4)});
    for (int i = 0; i < 20; ++i) put({'m', static_cast<char>(i * 9)});
    for (int i = 0; i < 10; ++i) put("a rather long path to " + std::to_string(i));
    for (const char* key : {"", "n", "a", "a rather", "z", "z", "z", "a rather long path to 3"})
      put(key);
    apply({++sequence, OperationKind::kErase, "m", ""});
    sequence_ = sequence;
  }

  [[nodiscard]] const SharedArena& restored() const {
    arena_.copy_from(sound_);
    return arena_;
  }
  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
  // The place of the `i`-th byte in use behind the header page: entries, then nodes.
  [[nodiscard]] std::uint64_t place(std::uint64_t i) const {
    const std::uint64_t entries = sound_.header().entries_end.load() - kHeaderBytes;
    return i < entries ? kHeaderBytes + i : sound_.header().nodes_begin.load() + (i - entries);
  }
  [[nodiscard]] std::uint64_t used() const {
    const ArenaHeader& header = sound_.header();
    return header.entries_end.load() - kHeaderBytes +
           (sound_.bytes().size() - kTailBytes - header.nodes_begin.load());
  }

 private:
  void apply(const Step& step) {
    if (!sound_.writer().insert(step.operation())) std::abort();
    model_.apply(step);
  }

  SharedArena sound_;
  SharedArena arena_;
  Model model_;
  std::uint64_t sequence_ = 0;
};

// Reads and writes in all ways; whatever they answer.
void exercise(const SharedArena& arena, const Victim& victim) {
  const Result<MemtableWriter> writer = MemtableWriter::attach(arena.bytes(), kNumber, kNonce);
  if (!writer) return;
  const Memtable memtable = writer->reader();
  for (const auto& [key, versions] : victim.model().keys()) {
    static_cast<void>(memtable.lookup(key, kAllSequences));
    static_cast<void>(memtable.lookup(key + "x", 40));
  }
  static_cast<void>(memtable.verify());
  static_cast<void>(memtable.counters());
  MemtableIterator it = memtable.iterate(victim.sequence() - 3);
  // A walk meets each key once, and no key can be met that is not in the arena.
  std::size_t left = 4 * kSize;
  for (it.seek_first(); it.valid(); it.next()) ASSERT_NE(left--, 0U);
  for (it.seek_last(); it.valid(); it.previous()) ASSERT_NE(left--, 0U);
  for (const auto& [key, versions] : victim.model().keys()) {
    it.seek(key);
    if (it.valid()) static_cast<void>(it.verify_entry());
    it.seek_before(key);
    if (it.valid()) it.next();
  }
  std::uint64_t sequence = victim.sequence();
  for (const auto& [key, versions] : victim.model().keys()) {
    static_cast<void>(writer->insert({++sequence, OperationKind::kPut, key + "y", "value"}));
    static_cast<void>(writer->insert({++sequence, OperationKind::kPut, key, "value"}));
  }
  static_cast<void>(memtable.verify());
}

TEST(MemtableDamage, OfRandomBytesCrashesAndHangsNothing) {
  std::mt19937_64 random(test::random_seed());
  const Victim victim;
  for (int round = 0; round < 1'000; ++round) {
    const SharedArena& arena = victim.restored();
    const bool header = random() % 2 == 0;
    for (std::size_t left = 1 + random() % 30; left != 0; --left) {
      const std::size_t at =
          header && random() % 4 == 0
              ? offsetof(ArenaHeader, root) +
                    random() % (sizeof(ArenaHeader) - offsetof(ArenaHeader, root))
              : victim.place(random() % victim.used());
      arena.bytes()[at] = static_cast<std::byte>(random());
    }
    ASSERT_NO_FATAL_FAILURE(exercise(arena, victim));
  }
}

TEST(MemtableDamage, OfReferencesCrashesAndHangsNothing) {
  std::mt19937_64 random(test::random_seed());
  const Victim victim;
  for (int round = 0; round < 1'000; ++round) {
    const SharedArena& arena = victim.restored();
    const auto any_ref = [&] {
      const std::uint64_t offset = victim.place(random() % victim.used() / 8 * 8);
      return random() % 2 == 0 ? node_ref(offset) : entry_ref(offset);
    };
    if (random() % 4 == 0) arena.header().root.store(any_ref());
    for (std::size_t left = 1 + random() % 60; left != 0; --left) {
      const std::size_t at = victim.place(random() % victim.used() / 4 * 4);
      const Ref ref = any_ref();
      std::memcpy(arena.bytes().data() + at, &ref, sizeof ref);
    }
    ASSERT_NO_FATAL_FAILURE(exercise(arena, victim));
  }
}

TEST(MemtableDamage, OfEverythingCrashesAndHangsNothing) {
  std::mt19937_64 random(test::random_seed());
  const Victim victim;
  for (int round = 0; round < 150; ++round) {
    const SharedArena& arena = victim.restored();
    // Small numbers look like kinds, depths and sizes more often than random bytes do.
    for (std::byte& byte : arena.bytes().subspan(offsetof(ArenaHeader, root))) {
      byte = static_cast<std::byte>(random() % (round % 2 == 0 ? 256 : 5));
    }
    ASSERT_NO_FATAL_FAILURE(exercise(arena, victim));
  }
}

// A graph in which 4^3000 ways lead to one entry: they must not all be walked.
TEST(MemtableDamage, OfNodesThatShareTheirChildrenEndsAWalk) {
  const SharedArena arena(8 << 20);
  const Arena writable(arena.bytes());
  const std::string key(4'000, 'k');
  std::byte* memory = writable.take(0, entry_bytes(key.size(), 0))->entry;
  Ref below = entry_ref(writable.offset(memory));
  write_entry(memory, {1, OperationKind::kPut, key, ""}, kNoRef);
  for (std::size_t depth = 3'000; depth != 0; --depth) {
    memory = writable.take(sizeof(Node4), 0)->node;
    Node& node = write_fork(memory, std::string_view(key).substr(0, depth), below);
    for (const std::uint8_t byte : {'k', 'l', 'm', 'n'}) add_child(node, byte, below);
    below = node_ref(writable.offset(memory));
  }
  arena.header().root.store(below);
  EXPECT_EQ(arena.reader().verify().code(), StatusCode::kCorruption);
  MemtableIterator it = arena.reader().iterate(kAllSequences);
  it.seek_first();
  ASSERT_TRUE(it.valid());
  it.next();
  EXPECT_EQ(it.status().code(), StatusCode::kCorruption);
}

TEST(MemtableDamage, OfASingleBitIsToldOrHarmless) {
  std::mt19937_64 random(test::random_seed());
  const Victim victim;
  std::size_t told = 0;
  std::size_t flips = 0;
  for (std::size_t i = 0; i < sizeof(ArenaHeader) + victim.used(); ++i) {
    const std::size_t at = i < sizeof(ArenaHeader) ? i : victim.place(i - sizeof(ArenaHeader));
    const SharedArena& arena = victim.restored();
    arena.bytes()[at] ^= std::byte{1} << (random() % 8);
    ++flips;
    const Result<Memtable> memtable = Memtable::attach(arena.bytes(), kNumber, kNonce);
    if (!memtable || !memtable->verify().ok()) {
      ++told;
      continue;
    }
    ASSERT_TRUE(agrees(*memtable, victim.model(), kAllSequences)) << "at " << at;
    ASSERT_TRUE(agrees(*memtable, victim.model(), victim.sequence() / 2)) << "at " << at;
  }
  std::printf("%zu bits flipped, %zu told, the rest harmless\n", flips, told);
  EXPECT_GT(told, flips / 2);
}

}  // namespace
}  // namespace tidelock::memtable
