#include "agent/ledger.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace tidelock::agent {
namespace {

TEST(LedgerEntry, KnowsNothingAtFirst) {
  const LedgerEntry entry{};
  EXPECT_EQ(entry.newest_begin_ns(), 0u);
  EXPECT_EQ(entry.latest_erase_ns(), 0u);
}

TEST(LedgerEntry, KeepsTheNewestBegin) {
  LedgerEntry entry{};
  entry.acknowledged(20);
  entry.acknowledged(10);
  EXPECT_EQ(entry.newest_begin_ns(), 20u);
}

TEST(LedgerEntry, AnEraseInFlightMayTakeEffectAnyTime) {
  LedgerEntry entry{};
  entry.erase_began();
  entry.erase_began();
  entry.erase_ended(30);
  EXPECT_EQ(entry.latest_erase_ns(), UINT64_MAX);
  entry.erase_ended(25);
  EXPECT_EQ(entry.latest_erase_ns(), 30u);
}

TEST(LedgerEntry, ARefusedEraseLeavesNoTrace) {
  LedgerEntry entry{};
  entry.erase_began();
  entry.erase_ended(0);
  EXPECT_EQ(entry.latest_erase_ns(), 0u);
}

TEST(LedgerEntry, MoreErasesInFlightThanItCanCountStayInFlight) {
  LedgerEntry entry{};
  for (int i = 0; i < 300; ++i) entry.erase_began();
  for (int i = 0; i < 300; ++i) entry.erase_ended(5);
  EXPECT_EQ(entry.latest_erase_ns(), UINT64_MAX);
}

TEST(LedgerEntry, LosesNothingAmongThreads) {
  LedgerEntry entry{};
  std::vector<std::thread> threads;
  for (std::uint64_t t = 1; t <= 4; ++t) {
    threads.emplace_back([&entry, t] {
      for (std::uint64_t i = 1; i <= 20'000; ++i) {
        entry.erase_began();
        entry.acknowledged(i * t);
        entry.erase_ended(i * t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(entry.newest_begin_ns(), 80'000u);
  EXPECT_EQ(entry.latest_erase_ns(), 80'000u);
}

}  // namespace
}  // namespace tidelock::agent
