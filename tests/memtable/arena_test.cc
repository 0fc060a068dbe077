#include "memtable/arena.h"

#include <gtest/gtest.h>

#include "memtable/memtable.h"
#include "shared_arena.h"

namespace tidelock::memtable {
namespace {

constexpr std::uint64_t kSize = 64 << 10;

TEST(Arena, IsValidOnceFormattedWhateverItHeld) {
  const SharedArena arena(kSize);
  EXPECT_TRUE(validate(arena.bytes(), kNumber, kNonce).ok());
}

TEST(Arena, OfAnotherNumberNonceOrSizeIsRefused) {
  const SharedArena arena(kSize);
  EXPECT_EQ(validate(arena.bytes(), kNumber + 1, kNonce).code(), StatusCode::kCorruption);
  EXPECT_EQ(validate(arena.bytes(), kNumber, kNonce + 1).code(), StatusCode::kCorruption);
  EXPECT_EQ(validate(arena.bytes().first(kSize - 4096), kNumber, kNonce).code(),
            StatusCode::kCorruption);
  EXPECT_EQ(validate(arena.bytes().first(4096), kNumber, kNonce).code(), StatusCode::kCorruption);
  EXPECT_EQ(validate({}, kNumber, kNonce).code(), StatusCode::kCorruption);
}

TEST(Arena, WithoutMagicIsRefused) {
  const SharedArena arena(kSize);
  arena.header().magic.store(0);
  EXPECT_EQ(validate(arena.bytes(), kNumber, kNonce).code(), StatusCode::kCorruption);
}

TEST(Arena, OfAnotherLayoutIsUnsupported) {
  const SharedArena arena(kSize);
  arena.header().layout += 1;
  EXPECT_EQ(validate(arena.bytes(), kNumber, kNonce).code(), StatusCode::kUnsupported);
}

TEST(Arena, OfAnImpossibleSizeCannotBeFormatted) {
  const SharedArena arena(kSize);
  EXPECT_EQ(format(arena.bytes().first(4096), 1, 1).code(), StatusCode::kInvalid);
  EXPECT_EQ(format(arena.bytes().first(kSize - 8), 1, 1).code(), StatusCode::kInvalid);
  EXPECT_EQ(format({arena.bytes().data(), kArenaBytesMax + kArenaGrain}, 1, 1).code(),
            StatusCode::kInvalid);
}

TEST(Arena, IsEmptyAgainWhenFormattedAnew) {
  const SharedArena arena(kSize);
  const std::uint64_t before = arena.writer().free_bytes();
  ASSERT_TRUE(arena.writer().insert({1, OperationKind::kPut, "key", "value"}));
  EXPECT_LT(arena.writer().free_bytes(), before);
  arena.reset();
  EXPECT_EQ(arena.writer().free_bytes(), before);
  EXPECT_EQ(arena.reader().lookup("key", kAllSequences)->kind, Lookup::Kind::kMissing);
  EXPECT_EQ(arena.reader().counters().entries, 0U);
}

TEST(Arena, NeverHandsOutTheSameBytesTwice) {
  const SharedArena shared(kSize);
  const Arena arena(shared.bytes());
  const auto first = arena.take(48, 24);
  const auto second = arena.take(104, 8);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(second->entry, first->entry + 24) << "entries grow upwards";
  EXPECT_EQ(second->node + 104, first->node) << "nodes grow downwards";
  EXPECT_FALSE(arena.take(8, arena.free().bytes()));
  EXPECT_FALSE(arena.take(arena.free().bytes(), 8));
  EXPECT_TRUE(arena.take(48, arena.free().bytes() - 48));
  EXPECT_EQ(arena.free().bytes(), 0U);
  EXPECT_FALSE(arena.take(0, 8));
  EXPECT_FALSE(arena.take(8, 0));
}

TEST(Arena, WithImpossibleBoundsHasNoRoom) {
  const SharedArena shared(kSize);
  const Arena arena(shared.bytes());
  for (const std::uint64_t bound : {std::uint64_t{0}, kHeaderBytes - 8, kHeaderBytes + 1, kSize,
                                    kSize + 8, ~std::uint64_t{0}, ~std::uint64_t{0} - 7}) {
    shared.reset();
    shared.header().entries_end.store(bound);
    EXPECT_EQ(arena.free().bytes(), 0U) << bound;
    EXPECT_FALSE(arena.take(0, 8)) << bound;
    shared.reset();
    shared.header().nodes_begin.store(bound);
    EXPECT_EQ(arena.free().bytes(), 0U) << bound;
    EXPECT_FALSE(arena.take(8, 0)) << bound;
  }
}

TEST(Arena, HandsOutNothingThatReachesBeyondItsEnd) {
  const SharedArena shared(kSize);
  const ArenaView arena(shared.bytes());
  EXPECT_EQ(arena.node(node_ref(kSize - kTailBytes + 8)), nullptr);
  EXPECT_NE(arena.node(node_ref(kSize - kTailBytes)), nullptr);
  EXPECT_EQ(arena.node(kBadRef), nullptr);
  EXPECT_EQ(arena.node(entry_ref(kHeaderBytes)), nullptr);
  EXPECT_EQ(arena.entry(node_ref(kHeaderBytes)), nullptr);
  EXPECT_EQ(arena.entry(kBadRef | 1), nullptr);
  EXPECT_EQ(arena.entry(entry_ref(kHeaderBytes)), nullptr);  // 0xA5 as sizes: far too long
}

}  // namespace
}  // namespace tidelock::memtable
