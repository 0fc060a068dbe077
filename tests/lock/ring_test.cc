#include "lock/ring.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <span>

#include "lock/layout.h"

namespace tidelock::lock {
namespace {

constexpr Identity kAnna{.slot = 1, .generation = 1};
constexpr Identity kBert{.slot = 2, .generation = 1};
constexpr Identity kCleo{.slot = 3, .generation = 1};

class RingTest : public testing::Test {
 protected:
  Ring make(std::uint32_t entries) {
    format({reinterpret_cast<std::byte*>(file_.get()), sizeof(QueueFile)}, 1, entries);
    return Ring(*file_);
  }
  std::unique_ptr<QueueFile> file_ = std::make_unique<QueueFile>();
};

TEST_F(RingTest, ServesInOrderOfArrival) {
  Ring ring = make(4);
  for (const Identity who : {kAnna, kBert, kCleo}) EXPECT_TRUE(ring.claim(who).claimed);
  for (const Identity who : {kAnna, kBert, kCleo}) {
    const auto first = ring.first_waiting();
    ASSERT_TRUE(first.has_value());
    EXPECT_TRUE(first->entry.belongs_to(who));
    ring.leave(first->ticket, who);
  }
  EXPECT_FALSE(ring.first_waiting().has_value());
}

TEST_F(RingTest, GoesRoundManyTimes) {
  Ring ring = make(2);
  for (std::uint64_t ticket = 0; ticket < 1000; ++ticket) {
    const Ring::Claim claim = ring.claim(kAnna);
    ASSERT_TRUE(claim.claimed);
    EXPECT_EQ(claim.ticket, ticket);
    EXPECT_EQ(ring.first_waiting()->ticket, ticket);
    ring.leave(ticket, kAnna);
  }
  EXPECT_EQ(ring.head(), 1000u);
}

TEST_F(RingTest, SaysWhoIsInTheWayWhenItIsFull) {
  Ring ring = make(2);
  EXPECT_TRUE(ring.claim(kAnna).claimed);
  EXPECT_TRUE(ring.claim(kBert).claimed);
  const Ring::Claim full = ring.claim(kCleo);
  EXPECT_FALSE(full.claimed);
  EXPECT_TRUE(full.in_the_way.belongs_to(kAnna));
  ring.recycle(full.in_the_way);
  EXPECT_TRUE(ring.claim(kCleo).claimed);
  EXPECT_EQ(ring.place_of(0, kAnna), EntryWord::Place::kEmpty);
}

TEST_F(RingTest, StepsOverALapsedWaiterUntilItComesBack) {
  Ring ring = make(4);
  (void)ring.claim(kAnna);
  (void)ring.claim(kBert);
  ring.lapse(*ring.first_waiting());
  EXPECT_TRUE(ring.first_waiting()->entry.belongs_to(kBert));
  EXPECT_EQ(ring.place_of(0, kAnna), EntryWord::Place::kLapsed);
  ring.come_back(0, kAnna);
  EXPECT_TRUE(ring.first_waiting()->entry.belongs_to(kAnna));
}

TEST_F(RingTest, MovesOutAWaiterThatLapsedLongAgo) {
  Ring ring = make(1024);
  (void)ring.claim(kAnna);
  ring.lapse(*ring.first_waiting());
  std::uint64_t passed = 0;
  for (; ring.place_of(0, kAnna) == EntryWord::Place::kLapsed && passed < 1000; ++passed) {
    const Ring::Claim claim = ring.claim(kBert);
    ASSERT_TRUE(ring.first_waiting().has_value());
    ring.leave(claim.ticket, kBert);
  }
  EXPECT_EQ(passed, 256u);
  EXPECT_EQ(file_->statistics.evictions.load(), 1u);
  ring.leave(0, kAnna);  // it wakes up, and disturbs nothing
  EXPECT_EQ(ring.head(), passed + 1);
}

TEST_F(RingTest, LeavesFromTheMiddle) {
  Ring ring = make(4);
  for (const Identity who : {kAnna, kBert, kCleo}) (void)ring.claim(who);
  ring.leave(1, kBert);
  ring.leave(0, kAnna);
  EXPECT_TRUE(ring.first_waiting()->entry.belongs_to(kCleo));
  EXPECT_EQ(ring.head(), 2u);
}

TEST_F(RingTest, MendsAHeadAndATailThatTheDeadLeftBehind) {
  Ring ring = make(4);
  (void)ring.claim(kAnna);
  (void)ring.claim(kBert);
  file_->tail.store(1);                       // died between claim and advance
  ring.recycle(ring.first_waiting()->entry);  // died between recycling and advance
  EXPECT_EQ(ring.head(), 0u);
  EXPECT_EQ(ring.claim(kCleo).ticket, 2u);
  EXPECT_TRUE(ring.first_waiting()->entry.belongs_to(kBert));
  EXPECT_EQ(ring.head(), 1u);
}

TEST_F(RingTest, MendsATailWhoseClaimerDiedAndWasRecycled) {
  Ring ring = make(4);
  (void)ring.claim(kAnna);
  file_->tail.store(0);
  ring.recycle(ring.first_waiting()->entry);
  EXPECT_FALSE(ring.first_waiting().has_value());
  EXPECT_EQ(ring.claim(kBert).ticket, 1u);
}

TEST_F(RingTest, FindsTheEntryThatAnOfferNames) {
  Ring ring = make(4);
  (void)ring.claim(kAnna);
  EXPECT_EQ(ring.find(LockWord::offered(kAnna, 0))->ticket, 0u);
  EXPECT_FALSE(ring.find(LockWord::offered(kBert, 0)).has_value());
  EXPECT_FALSE(ring.find(LockWord::offered(kAnna, 4)).has_value());
  ring.leave(0, kAnna);
  EXPECT_FALSE(ring.find(LockWord::offered(kAnna, 0)).has_value());
}

TEST_F(RingTest, WakesOnlyWhomItMeans) {
  Ring ring = make(2);
  (void)ring.claim(kAnna);
  const Waiting anna = *ring.first_waiting();
  EXPECT_EQ(ring.wake(anna), Ring::Woken::kWasAwake);
  EXPECT_TRUE(ring.announce(0, Sleep::kAsleep));
  EXPECT_FALSE(ring.is_woken(anna));
  EXPECT_EQ(ring.wake(anna), Ring::Woken::kNobodyThere);
  EXPECT_EQ(ring.wake(anna), Ring::Woken::kWasWoken) << "until it runs";
  EXPECT_TRUE(ring.is_woken(anna));
  EXPECT_TRUE(ring.announce(0, Sleep::kAwake));
  EXPECT_EQ(ring.wake(anna), Ring::Woken::kWasAwake);
  ring.leave(0, kAnna);
  (void)ring.claim(kBert);
  (void)ring.claim(kCleo);  // ticket 2 has the place of ticket 0
  EXPECT_TRUE(ring.announce(2, Sleep::kAsleep));
  EXPECT_FALSE(ring.announce(0, Sleep::kAwake));
  EXPECT_EQ(ring.wake(anna), Ring::Woken::kWasAwake);
}

TEST_F(RingTest, ListsThoseThatWaitBehindOne) {
  Ring ring = make(4);
  (void)ring.claim(kAnna);
  (void)ring.claim(kBert);
  (void)ring.claim(kCleo);
  ring.leave(1, kBert);
  EXPECT_EQ(ring.next_waiting(0)->ticket, 2u);
  EXPECT_FALSE(ring.next_waiting(2).has_value());
}

TEST_F(RingTest, EndsEveryCallOnDamagedMemory) {
  for (const std::uint64_t pattern :
       {0x0ull, ~0x0ull, 0x5555555555555555ull, 0x8000000100000001ull}) {
    Ring ring = make(64);
    for (RingEntry& entry : file_->ring) entry.word.store(pattern);
    file_->head.store(pattern);
    (void)ring.claim(kAnna);
    (void)ring.first_waiting();
    ring.leave(7, kAnna);
    (void)ring.find(LockWord{pattern});
  }
  for (const auto place : {EntryWord::Place::kWaiting, EntryWord::Place::kLapsed}) {
    Ring ring = make(64);
    (void)ring.claim(kAnna);
    const EntryWord own = EntryWord::of(0, place, kAnna);
    file_->ring[0].word.store(own.bits | 1U << 2);  // a bit that nobody sets
    ring.come_back(0, kAnna);
    EXPECT_EQ(ring.place_of(0, kAnna), EntryWord::Place::kWaiting);
    ring.leave(0, kAnna);
    EXPECT_EQ(ring.place_of(0, kAnna), EntryWord::Place::kEmpty);
  }
}

TEST(QueueFile, IsValidOnlyWhenCompleteAndOfTheSameIdentity) {
  const auto file = std::make_unique<QueueFile>();
  const std::span<std::byte> bytes(reinterpret_cast<std::byte*>(file.get()), sizeof(QueueFile));
  EXPECT_FALSE(valid(bytes, std::nullopt));
  format(bytes, 42);
  EXPECT_TRUE(valid(bytes, std::nullopt));
  EXPECT_TRUE(valid(bytes, 42));
  EXPECT_FALSE(valid(bytes, 43));
  EXPECT_FALSE(valid(bytes.first(bytes.size() - 1), 42));
  file->header.ring_entries.store(3);
  EXPECT_FALSE(valid(bytes, 42));
  format(bytes, 42);
  file->header.magic.store(0);  // the creator died on the way
  EXPECT_FALSE(valid(bytes, 42));
}

}  // namespace
}  // namespace tidelock::lock
