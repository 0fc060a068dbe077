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
#include "victim.h"

namespace tidelock::memtable {
namespace {

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
    ASSERT_TRUE(exercise(arena, victim));
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
    ASSERT_TRUE(exercise(arena, victim));
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
    ASSERT_TRUE(exercise(arena, victim));
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
