#include "lock/word.h"

#include <gtest/gtest.h>

namespace tidelock::lock {
namespace {

constexpr Identity kOwner{.slot = 4095, .generation = 0xfedcba98};

TEST(LockWord, IsZeroWhenFree) {
  EXPECT_EQ(LockWord::free().bits, 0u);
  EXPECT_TRUE(LockWord::free().is_free());
}

TEST(LockWord, KeepsItsOwnerBesideEveryFlag) {
  const auto all = LockWord::kHasWaiters | LockWord::kHandoverWanted | LockWord::kInconsistent;
  const LockWord word = LockWord::held(kOwner).with(all);
  EXPECT_TRUE(word.held_by(kOwner));
  EXPECT_TRUE(word.has_waiters() && word.handover_wanted() && word.inconsistent());
  EXPECT_EQ(word.without(all), LockWord::held(kOwner));
  EXPECT_FALSE(word.held_by({.slot = 4095, .generation = 0xfedcba97}));
  EXPECT_FALSE(word.held_by({.slot = 4094, .generation = 0xfedcba98}));
}

TEST(LockWord, OffersToOneTicketOfOneMember) {
  const std::uint64_t ticket = 0x1'2345'ffff;
  const LockWord word = LockWord::offered(kOwner, ticket).with(LockWord::kHasWaiters);
  EXPECT_TRUE(word.is_offered());
  EXPECT_TRUE(word.offered_to(kOwner, ticket));
  EXPECT_FALSE(word.offered_to(kOwner, ticket + 1));
  EXPECT_FALSE(word.offered_to({.slot = 1, .generation = 1}, ticket));
  EXPECT_EQ(word.owner(), kOwner);
}

TEST(LockWord, DecodesAnyBitsWithinBounds) {
  const LockWord word{~std::uint64_t{0}};
  EXPECT_TRUE(word.is_free());
  EXPECT_LT(word.owner().slot, kMemberSlots);
}

TEST(EntryWord, NamesTicketPlaceAndOwner) {
  const EntryWord entry = EntryWord::of(77, EntryWord::Place::kWaiting, kOwner);
  EXPECT_EQ(entry.ticket(), 77u);
  EXPECT_EQ(entry.place(), EntryWord::Place::kWaiting);
  EXPECT_TRUE(entry.belongs_to(kOwner));
  EXPECT_FALSE(entry.belongs_to({.slot = 4095, .generation = 0xfedcba97}));
  EXPECT_EQ(entry.with(EntryWord::Place::kLapsed),
            EntryWord::of(77, EntryWord::Place::kLapsed, kOwner));
  EXPECT_FALSE(EntryWord::empty(77).belongs_to({}));
}

TEST(EntryWord, ComparesTicketsAcrossTheWrap) {
  const std::uint64_t wrap = std::uint64_t{1} << 32;
  EXPECT_EQ(EntryWord::empty(wrap + 5).laps_ahead(wrap + 5), 0);
  EXPECT_GT(EntryWord::empty(wrap + 1).laps_ahead(wrap - 1), 0);
  EXPECT_LT(EntryWord::empty(wrap - 1).laps_ahead(wrap + 1), 0);
}

}  // namespace
}  // namespace tidelock::lock
